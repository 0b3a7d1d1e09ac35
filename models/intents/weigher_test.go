package intents_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/intents"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// embedder makes vectors by what a text is about: its angle, in degrees, stands in front.
type embedder struct {
	mu    sync.Mutex
	model string
	err   error
	took  time.Duration
	calls [][]string
	paid  []string
}

func (e *embedder) set(change func(*embedder)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

func (e *embedder) texts() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		n += len(c)
	}
	return n
}

var angles = map[string]float64{
	"will it rain": 0, "wird es regnen": 5, "do I need an umbrella": 20, "book a table": 90, "a table for two": 80, "between": 45,
}

func (e *embedder) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	e.mu.Lock()
	err, took, model := e.err, e.took, e.model
	e.calls = append(e.calls, r.Texts)
	e.paid = append(e.paid, r.For.Person)
	e.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return models.Embeddings{}, fault.New(fault.Retryable, "embed", ctx.Err())
	}
	if err != nil {
		return models.Embeddings{}, err
	}
	out := models.Embeddings{Model: model, Version: "main"}
	for _, text := range r.Texts {
		at := angles[text] * math.Pi / 180
		// Not of length 1: that is for who compares.
		out.Vectors = append(out.Vectors, []float32{float32(3 * math.Cos(at)), float32(3 * math.Sin(at))})
	}
	return out, nil
}

// weigher runs until the test ends.
func weigher(t *testing.T, e *embedder) *intents.Weigher {
	t.Helper()
	w := intents.New(intents.Options{Embedder: e, Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

var examples = map[string][]string{"weather": {"will it rain", "do I need an umbrella"}, "table": {"book a table"}}

func ask(text string) intents.Question {
	return intents.Question{Text: text, For: models.Payer{Person: "ann"}}
}

func TestScores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &embedder{model: "m"}
		w := weigher(t, e)
		w.Use(examples)
		synctest.Wait()
		got, err := w.Weigh(t.Context(), ask("wird es regnen"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{"weather": math.Cos(5 * math.Pi / 180), "table": math.Cos(85 * math.Pi / 180)}
		for name, score := range want {
			if math.Abs(got[name]-score) > 1e-6 {
				t.Errorf("%s has %f, want %f", name, got[name], score)
			}
		}
		if _, err := w.Weigh(t.Context(), ask("wird es regnen")); err != nil {
			t.Fatal(err)
		}
		if e.texts() != 4 || e.paid[0] != "" || e.paid[1] != "ann" {
			t.Errorf("vectors of %q, paid by %q", e.calls, e.paid)
		}
		// What was there before keeps its vectors.
		w.Use(map[string][]string{"weather": {"will it rain"}, "two": {"a table for two"}})
		synctest.Wait()
		if got, err = w.Weigh(t.Context(), ask("wird es regnen")); err != nil || len(got) != 2 || e.texts() != 5 {
			t.Errorf("%v %v, %q", got, err, e.calls)
		}
		time.Sleep(intents.DefaultKeep)
		if _, err = w.Weigh(t.Context(), ask("wird es regnen")); err != nil || e.texts() != 6 {
			t.Errorf("%v, %q", err, e.calls)
		}
		if s := w.Stats(); s != (intents.Stats{Made: 2, Kept: 2}) {
			t.Errorf("%+v", s)
		}
		if _, err := w.Weigh(t.Context(), ask(strings.Repeat("x", intents.MaxText+1))); !errors.Is(err, intents.ErrTooLong) {
			t.Error(err)
		}
	})
}

// Another model's vectors are not compared with those of the one before: the examples' are
// made anew, and who comes meanwhile waits for them.
func TestAnotherModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &embedder{model: "old", took: 10 * time.Millisecond}
		w := weigher(t, e)
		w.Use(examples)
		time.Sleep(time.Second)
		e.set(func(e *embedder) { e.model = "new" })
		if got, err := w.Weigh(t.Context(), ask("between")); err != nil || math.Abs(got["weather"]-math.Cos(25*math.Pi/180)) > 1e-6 {
			t.Errorf("%v %v", got, err)
		}
		if e.texts() != 7 {
			t.Errorf("vectors of %q", e.calls)
		}
		// Both are kept: versions of a pool take turns.
		e.set(func(e *embedder) { e.model = "old" })
		if _, err := w.Weigh(t.Context(), ask("book a table")); err != nil || e.texts() != 8 {
			t.Errorf("%v, vectors of %q", err, e.calls)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := fault.New(fault.Retryable, "embed", errors.New("no worker"))
		e := &embedder{model: "m", err: broken}
		w := weigher(t, e)
		w.Use(examples)
		synctest.Wait()
		if _, err := w.Weigh(t.Context(), ask("between")); !errors.Is(err, broken) {
			t.Error(err)
		}
		e.set(func(e *embedder) { e.err = nil })
		time.Sleep(5 * time.Second) // by then the examples' are made
		// A turn that is run again goes where it went before, others do not.
		if _, err := w.Weigh(t.Context(), ask("between")); !errors.Is(err, broken) {
			t.Error(err)
		}
		if _, err := w.Weigh(t.Context(), ask("will it rain")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if _, err := w.Weigh(t.Context(), ask("between")); err != nil {
			t.Error(err)
		}
		// Nobody waits longer than that.
		e.set(func(e *embedder) { e.took = time.Hour })
		began := time.Now()
		if _, err := w.Weigh(t.Context(), ask("book a table")); fault.ClassOf(err) != fault.Retryable || time.Since(began) != intents.DefaultWithin {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		// Who does not wait any more has proved nothing.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Weigh(ctx, ask("a table for two")); err == nil {
			t.Error("no error")
		}
		e.set(func(e *embedder) { e.took = 0 })
		if _, err := w.Weigh(t.Context(), ask("a table for two")); err != nil {
			t.Error(err)
		}
		if s := w.Stats(); s.Failed != 3 {
			t.Errorf("%+v", s)
		}
	})
}

// Without a pool nothing is tried until somebody asks.
func TestWithoutPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &embedder{model: "m", err: fault.New(fault.NeedsHuman, "embed", intents.ErrNoPool)}
		w := weigher(t, e)
		w.Use(examples)
		time.Sleep(time.Hour)
		if n := e.texts(); n != 3 {
			t.Errorf("%d texts", n)
		}
		e.set(func(e *embedder) { e.err = nil })
		if _, err := w.Weigh(t.Context(), ask("will it rain")); err != nil {
			t.Error(err)
		}
	})
}

// Vectors that are none are a failure, and no reason to stop.
func TestNoDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := intents.New(intents.Options{Embedder: nothing{}, Log: zerolog.Nop()})
		w.Use(examples)
		if _, err := w.Weigh(t.Context(), ask("will it rain")); fault.ClassOf(err) != fault.Retryable {
			t.Error(err)
		}
	})
}

type nothing struct{}

func (nothing) Embed(context.Context, models.EmbedRequest) (models.Embeddings, error) {
	return models.Embeddings{Vectors: [][]float32{{0, 0}}}, nil
}
