package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worker makes a vector of each text: its length. It takes as long as told, and
// refuses what holds "bad".
type worker struct {
	takes time.Duration
	err   error

	mu        sync.Mutex
	calls     []models.EmbedRequest
	cancelled int
}

func (w *worker) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	w.mu.Lock()
	w.calls = append(w.calls, r)
	w.mu.Unlock()
	select {
	case <-time.After(w.takes):
	case <-ctx.Done():
		w.mu.Lock()
		w.cancelled++
		w.mu.Unlock()
		return models.Embeddings{}, fault.New(fault.Retryable, "embed", ctx.Err())
	}
	if w.err != nil {
		return models.Embeddings{}, w.err
	}
	got := models.Embeddings{Model: r.Model, Worker: "w"}
	for _, text := range r.Texts {
		if strings.Contains(text, "bad") {
			return models.Embeddings{}, fault.New(fault.Permanent, "embed", errors.New("does not take it"))
		}
		got.Vectors = append(got.Vectors, []float32{float32(len(text))})
		got.Usage.Prompt += len(text)
	}
	return got, nil
}

func (w *worker) sizes() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sizes []int
	for _, c := range w.calls {
		sizes = append(sizes, len(c.Texts))
	}
	return sizes
}

func ask(person string, texts ...string) models.EmbedRequest {
	return models.EmbedRequest{Model: "m", Texts: texts, For: models.Payer{Account: "bot", Person: person, Skill: "s"}}
}

// numbered gives n texts of different lengths.
func numbered(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = strings.Repeat("x", i+1)
	}
	return texts
}

func TestAloneDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: time.Second}
		b := New(Options{Embedder: w})
		began := time.Now()
		got, err := b.Embed(t.Context(), ask("a", "hello"))
		if err != nil || got.Vectors[0][0] != 5 || got.Usage.Prompt != 5 || got.Model != "m" || got.Worker != "w" {
			t.Errorf("%+v, %v", got, err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("took %v", d)
		}
		if got, err := b.Embed(t.Context(), ask("a")); err != nil || got.Vectors != nil || len(w.calls) != 1 {
			t.Errorf("nothing: %+v, %v", got, err)
		}
		time.Sleep(2 * models.DefaultBatchWait)
		synctest.Wait()
		if len(b.groups) != 0 {
			t.Errorf("%d groups are kept", len(b.groups))
		}
	})
}

func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		b := New(Options{Embedder: w, Payer: models.Payer{Account: "all"}})
		var asking sync.WaitGroup
		total := make(chan int, 9)
		for i := range 9 {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Microsecond)
				began := time.Now()
				// Two by two they ask the same.
				got, err := b.Embed(t.Context(), ask(fmt.Sprint(i), strings.Repeat("x", i/2+1)))
				if err != nil || got.Vectors[0][0] != float32(i/2+1) || time.Since(began) > models.DefaultBatchWait {
					t.Errorf("%d after %v: %+v, %v", i, time.Since(began), got, err)
				}
				total <- got.Usage.Prompt
			})
		}
		asking.Wait()
		if got := w.sizes(); !slices.Equal(got, []int{1, 5}) {
			t.Errorf("calls of %v", got)
		}
		for _, r := range w.calls {
			if r.For != (models.Payer{Account: "all"}) {
				t.Errorf("a call for many is for %+v", r.For)
			}
		}
		if got := b.Stats(); got != (Stats{Texts: 9, Calls: 2}) {
			t.Errorf("%+v", got)
		}
		sum := 0
		for range 9 {
			sum += <-total
		}
		if sum != 1+(1+2+3+4+5) {
			t.Errorf("%d tokens are borne of %d", sum, 16)
		}
	})
}

func TestThousandASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: 500 * time.Microsecond}
		b := New(Options{Embedder: w})
		var asking sync.WaitGroup
		var mu sync.Mutex
		var waits []time.Duration
		for i := range 1000 {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				began := time.Now()
				if _, err := b.Embed(t.Context(), ask(fmt.Sprint(i%50), fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(began))
			})
		}
		asking.Wait()
		slices.Sort(waits)
		if len(w.calls) > 250 || waits[500] > 6*time.Millisecond {
			t.Errorf("%d calls for 1000 texts, half of them within %v", len(w.calls), waits[500])
		}
	})
}

func TestBacklogFillsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: 200 * time.Millisecond}
		b := New(Options{Embedder: w, Calls: func() int { return 2 }})
		var asking sync.WaitGroup
		for i := range 1000 {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if _, err := b.Embed(t.Context(), ask("a", fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if sizes := w.sizes(); len(sizes) > 1000/16 || slices.Max(sizes) > models.DefaultBatchItems {
			t.Errorf("%d calls of at most %d", len(sizes), slices.Max(sizes))
		}
	})
}

func TestLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		b := New(Options{Embedder: w})
		got, err := b.Embed(t.Context(), ask("a", numbered(70)...))
		if err != nil || len(got.Vectors) != 70 || got.Vectors[69][0] != 70 || got.Usage.Prompt != 70*71/2 {
			t.Errorf("%v, %v", got.Usage, err)
		}
		if got := w.sizes(); !slices.Equal(got, []int{32, 32, 6}) {
			t.Errorf("calls of %v", got)
		}
		w.calls = nil
		long := strings.Repeat("x", 4*models.DefaultBatchTokens)
		if _, err := b.Embed(t.Context(), ask("a", long+"1", long+"2", "short")); err != nil {
			t.Error(err)
		}
		if got := w.sizes(); len(got) != 3 {
			t.Errorf("calls of %v: each long one fills its own", got)
		}
	})
}

func TestTargetsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: time.Millisecond}
		b := New(Options{Embedder: w})
		var asking sync.WaitGroup
		for _, r := range []models.EmbedRequest{{Model: "m"}, {Model: "n"}, {Model: "m", Dimensions: 8}, {Model: "m", Band: models.Batch}} {
			r.Texts = []string{"same"}
			asking.Go(func() {
				if _, err := b.Embed(t.Context(), r); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if len(w.calls) != 4 {
			t.Errorf("%d calls; the batch came behind the first of its model, and three differ", len(w.calls))
		}
	})
}

func TestOneBadFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		b := New(Options{Embedder: w, Calls: func() int { return 1 }})
		if _, err := b.Embed(t.Context(), ask("first", "first")); err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for i := range 32 {
			asking.Go(func() {
				words := fmt.Sprintf("good %d", i)
				if i == 13 {
					words = "bad"
				}
				got, err := b.Embed(t.Context(), ask(fmt.Sprint(i), words))
				if i == 13 && fault.ClassOf(err) != fault.Permanent || i != 13 && (err != nil || got.Vectors[0][0] != float32(len(words))) {
					t.Errorf("%d: %+v, %v", i, got.Usage, err)
				}
			})
		}
		asking.Wait()
		if n := len(w.calls) - 1; n != 11 {
			t.Errorf("%d calls, want one and two for each of five halvings", n)
		}
	})
}

func TestBadTextFailsItsRequestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: time.Second}
		b := New(Options{Embedder: w, Calls: func() int { return 1 }})
		_, err := b.Embed(t.Context(), ask("a", append([]string{"bad"}, numbered(200)...)...))
		if fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if len(w.calls) > 6 || len(b.groups) > 1 {
			t.Errorf("%d calls for a request that failed", len(w.calls))
		}
		time.Sleep(time.Minute)
	})
}

func TestOtherFaultsAreEverybodys(t *testing.T) {
	for name, w := range map[string]*worker{
		"away":      {err: fault.New(fault.Retryable, "embed", errors.New("away"))},
		"cannot":    {err: fault.New(fault.Permanent, "embed", errors.New("no embeddings here"))},
		"too short": {},
	} {
		synctest.Test(t, func(t *testing.T) {
			var e models.Embedder = w
			want := fault.ClassOf(w.err)
			if name == "too short" {
				e, want = half{w}, fault.Retryable
			}
			b := New(Options{Embedder: e})
			if _, err := b.Embed(t.Context(), ask("a", "one", "two", "three", "four")); fault.ClassOf(err) != want {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// half forgets half of the vectors.
type half struct{ models.Embedder }

func (h half) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	got, err := h.Embedder.Embed(ctx, r)
	got.Vectors = got.Vectors[:len(got.Vectors)/2]
	return got, err
}

func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: time.Second}
		b := New(Options{Embedder: w, Calls: func() int { return 1 }})
		ctx, leave := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			_, err := b.Embed(ctx, ask("a", "first"))
			if !errors.Is(err, context.Canceled) || fault.ClassOf(err) != fault.Retryable {
				t.Errorf("who left: %v", err)
			}
		})
		synctest.Wait()
		// One leaves from the line, one from the call, and one stays.
		for range 2 {
			asking.Go(func() {
				if _, err := b.Embed(ctx, ask("a", "same")); !errors.Is(err, context.Canceled) {
					t.Errorf("who left: %v", err)
				}
			})
		}
		asking.Go(func() {
			got, err := b.Embed(t.Context(), ask("b", "same"))
			if err != nil || got.Usage.Prompt != 4 {
				t.Errorf("who stayed: %+v, %v", got, err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		leave()
		synctest.Wait()
		if w.cancelled != 1 || len(w.calls) != 2 || !slices.Equal(w.calls[1].Texts, []string{"same"}) {
			t.Errorf("%d cancelled, then %v", w.cancelled, w.sizes())
		}
		asking.Wait()
		gone, leave := context.WithCancel(t.Context())
		asking.Go(func() {
			got, err := b.Embed(t.Context(), ask("b", "same"))
			if err != nil || got.Usage.Prompt != 4 {
				t.Errorf("who stayed bears it: %+v, %v", got, err)
			}
		})
		asking.Go(func() { _, _ = b.Embed(gone, ask("a", "same")) })
		time.Sleep(100 * time.Millisecond)
		leave()
		asking.Wait()
	})
}

func TestFairBetweenTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{takes: 100 * time.Millisecond}
		b := New(Options{Embedder: w, Calls: func() int { return 1 }})
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := b.Embed(t.Context(), ask("greedy", numbered(2000)...)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		began := time.Now()
		asking.Go(func() {
			if _, err := b.Embed(t.Context(), ask("other", "one text")); err != nil {
				t.Error(err)
			}
			if d := time.Since(began); d > time.Second {
				t.Errorf("waited %v behind another's 2000", d)
			}
		})
		asking.Wait()
	})
}
