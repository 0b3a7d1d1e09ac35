package intents

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// maxModels is how many models' vectors of the examples are kept: versions of a pool
	// take turns.
	maxModels = 4
	// maxBatch is how many examples go in one call.
	maxBatch = 32
	// makeWithin bounds one such call; nobody waits for it.
	makeWithin = time.Minute
	// again is the wait before vectors that could not be made are tried again; it doubles up
	// to maxAgain.
	again    = time.Second
	maxAgain = time.Minute
)

// model is the vectors that one model made of examples.
type model struct {
	by      string
	vectors map[string][]float32
}

// missing are the examples without a vector, in order.
func (m *model) missing(examples map[string][]string) []string {
	var out []string
	for _, all := range examples {
		for _, example := range all {
			if _, there := m.vectors[example]; !there {
				out = append(out, example)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Use has texts weighed against these examples from now on, by name. Those that were there
// before keep their vectors.
func (w *Weigher) Use(examples map[string][]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.examples = maps.Clone(examples)
	known := map[string]bool{}
	for _, all := range examples {
		for _, example := range all {
			known[example] = true
		}
	}
	for _, m := range w.models {
		maps.DeleteFunc(m.vectors, func(example string, _ []float32) bool { return !known[example] })
	}
	w.wake()
}

// use gives the vectors of a model, with the lock. The one that was not used for the longest
// time goes.
func (w *Weigher) use(by string) *model {
	at := slices.IndexFunc(w.models, func(m *model) bool { return m.by == by })
	m := &model{by: by, vectors: map[string][]float32{}}
	if at >= 0 {
		m = w.models[at]
		w.models = slices.Delete(w.models, at, at+1)
	}
	w.models = slices.Insert(w.models, 0, m)
	w.models = w.models[:min(len(w.models), maxModels)]
	return m
}

// Run makes the vectors of examples when they are missing, until ctx ends.
func (w *Weigher) Run(ctx context.Context) error {
	for wait := again; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			continue
		case <-w.wanted:
		}
		switch err := w.make(ctx); {
		case err == nil:
			wait = again
		case ctx.Err() != nil || errors.Is(err, ErrNoPool):
			// It is over, or nothing is to be tried before somebody asks.
		default:
			w.o.Log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Dur("again", wait).Msg("making the vectors of skills' examples")
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, maxAgain)
			w.wake()
		}
	}
	return nil
}

// make makes the vectors of the examples that lack one of the wanted model, until there are
// none. Which model answers is not ours to choose: what another one made is kept too.
func (w *Weigher) make(ctx context.Context) error {
	for {
		texts := w.next()
		if len(texts) == 0 {
			return nil
		}
		within, cancel := context.WithTimeout(ctx, makeWithin)
		got, err := w.embed(within, models.EmbedRequest{Texts: texts, Band: models.Normal})
		cancel()
		if err != nil {
			return err
		}
		w.keep(texts, got)
	}
}

// next are examples that are missing at the wanted model.
func (w *Weigher) next() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.want == "" && len(w.models) > 0 {
		w.want = w.models[0].by
	}
	m := &model{}
	if at := slices.IndexFunc(w.models, func(m *model) bool { return m.by == w.want }); at >= 0 {
		m = w.models[at]
	}
	texts := m.missing(w.examples)
	return texts[:min(len(texts), maxBatch)]
}

func (w *Weigher) keep(texts []string, got made) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.use(got.by)
	for i, text := range texts {
		m.vectors[text] = got.vectors[i]
	}
	// The one that answers now is the one that answers next, most of the time. Who waits for
	// another one asks again.
	w.want = got.by
	close(w.ready)
	w.ready = make(chan struct{})
}

// unit makes a vector one of length 1; ok is false for one without a direction.
func unit(from []float32) ([]float32, bool) {
	sum := 0.0
	for _, x := range from {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, false
	}
	v := make([]float32, len(from))
	for i, x := range from {
		v[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return v, true
}

// dot is how much alike two vectors of length 1 are.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
