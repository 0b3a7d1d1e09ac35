package intents

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// DefaultWithin is as long as the wait for a vector is not noticed beside that for an
	// answer.
	DefaultWithin = 500 * time.Millisecond
	// DefaultTexts is about 4 MB of vectors with 1024 numbers.
	DefaultTexts = 1024
	// DefaultKeep is longer than a turn is run again and again.
	DefaultKeep = 10 * time.Minute
	// MaxText is how long a text may be, in bytes: a vector says little of a longer one.
	MaxText = 1000
	// forget is how long a text that got no vector gets none: a turn that is run again goes
	// where it went before.
	forget = 30 * time.Second
)

var (
	// ErrNoPool is in the fault of an Embedder that has nothing to make vectors with. Nothing
	// is tried again then before somebody asks.
	ErrNoPool = errors.New("no pool of models makes vectors")
	// ErrTooLong is returned for a text of more than MaxText bytes.
	ErrTooLong = errors.New("the text is too long to be weighed")

	errLate      = errors.New("a vector was not there in time")
	errDirection = errors.New("a vector has no direction")
	errVectors   = errors.New("there is not one vector for each text")
)

// Options make a Weigher. Embedder is required.
type Options struct {
	Embedder models.Embedder
	// Within bounds the wait of Weigh; 0 for DefaultWithin.
	Within time.Duration
	// Texts is how many texts' vectors are kept, Keep how long; 0 for DefaultTexts and
	// DefaultKeep.
	Texts int
	Keep  time.Duration
	Log   zerolog.Logger
}

// Stats counts what became of texts.
type Stats struct {
	// Made got a vector from a model, Kept had one, Failed got none.
	Made, Kept, Failed int64
}

// Question is a text that is to be weighed, and who pays for its vector.
type Question struct {
	Text  string
	For   models.Payer
	Trace core.TraceID
}

// Weigher says how close texts come to examples. It is safe for concurrent use.
type Weigher struct {
	o     Options
	stats struct{ made, kept, failed atomic.Int64 }
	// wanted tells Run that vectors of examples are missing.
	wanted chan struct{}

	mu       sync.Mutex
	examples map[string][]string
	models   []*model // the latest used first
	// want is the model whose vectors of the examples are missing; empty for whichever.
	want  string
	ready chan struct{} // closed and made anew when vectors of examples came
	texts recent
}

// New makes a Weigher without examples.
func New(o Options) *Weigher {
	o.Within = cmp.Or(o.Within, DefaultWithin)
	o.Texts = cmp.Or(o.Texts, DefaultTexts)
	o.Keep = cmp.Or(o.Keep, DefaultKeep)
	return &Weigher{o: o, wanted: make(chan struct{}, 1), ready: make(chan struct{}), texts: newRecent(o.Texts)}
}

// Stats tells what became of texts so far.
func (w *Weigher) Stats() Stats {
	return Stats{Made: w.stats.made.Load(), Kept: w.stats.kept.Load(), Failed: w.stats.failed.Load()}
}

// Weigh gives how close a text comes to the nearest example under each name: 1 for the same,
// 0 for nothing in common. It takes no longer than Options.Within. A text that got no vector
// gets none for a while, so that it goes the same way when it comes again.
func (w *Weigher) Weigh(ctx context.Context, q Question) (map[string]float64, error) {
	if len(q.Text) > MaxText {
		return nil, ErrTooLong
	}
	key := sha256.Sum256([]byte(q.Text))
	w.mu.Lock()
	text, there := w.texts.get(key, time.Now())
	w.mu.Unlock()
	if text.failed != nil {
		w.stats.failed.Add(1)
		return nil, text.failed
	}
	within, cancel := context.WithTimeoutCause(ctx, w.o.Within, errLate)
	defer cancel()
	var err error
	if there {
		w.stats.kept.Add(1)
	} else {
		text, err = w.vector(within, key, q)
	}
	if err == nil {
		var scores map[string]float64
		if scores, err = w.scores(within, text); err == nil {
			return scores, nil
		}
	}
	if ctx.Err() != nil {
		return nil, err // nobody waits any more
	}
	if within.Err() != nil {
		err = fault.New(fault.Retryable, "weigh text", errors.Join(context.Cause(within), err))
	}
	w.stats.failed.Add(1)
	w.remember(key, kept{failed: err, until: time.Now().Add(forget)})
	return nil, err
}

// vector has the vector of a text made.
func (w *Weigher) vector(ctx context.Context, key textKey, q Question) (kept, error) {
	got, err := w.embed(ctx, models.EmbedRequest{Texts: []string{q.Text}, For: q.For, Trace: q.Trace})
	if err != nil {
		return kept{}, err
	}
	w.stats.made.Add(1)
	text := kept{vector: got.vectors[0], by: got.by, until: time.Now().Add(w.o.Keep)}
	w.remember(key, text)
	return text, nil
}

func (w *Weigher) remember(key textKey, k kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts.put(key, k)
}

// scores compares a text with the examples, as soon as their vectors are there.
func (w *Weigher) scores(ctx context.Context, text kept) (map[string]float64, error) {
	for {
		scores, ready := w.compare(text)
		if ready == nil {
			return scores, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// compare gives the scores, or what is closed once vectors of examples came: those of the
// text's own model are not there.
func (w *Weigher) compare(text kept) (map[string]float64, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.use(text.by)
	if len(m.missing(w.examples)) > 0 {
		w.want = text.by
		w.wake()
		return nil, w.ready
	}
	scores := make(map[string]float64, len(w.examples))
	for name, all := range w.examples {
		best := -1.0
		for _, example := range all {
			best = max(best, dot(text.vector, m.vectors[example]))
		}
		scores[name] = best
	}
	return scores, nil
}

// made are vectors of length 1, and which model they are of.
type made struct {
	vectors [][]float32
	by      string
}

func (w *Weigher) embed(ctx context.Context, r models.EmbedRequest) (made, error) {
	got, err := w.o.Embedder.Embed(ctx, r)
	if err != nil {
		return made{}, err
	}
	if len(got.Vectors) != len(r.Texts) {
		return made{}, fault.New(fault.Retryable, "make vectors", errVectors)
	}
	// Vectors of two models cannot be compared, whatever they are called.
	out := made{}
	if len(got.Vectors) > 0 {
		out.by = fmt.Sprintf("%s/%s/%d", got.Version, got.Model, len(got.Vectors[0]))
	}
	for _, v := range got.Vectors {
		one, ok := unit(v)
		if !ok {
			return made{}, fault.New(fault.Retryable, "make vectors", errDirection)
		}
		out.vectors = append(out.vectors, one)
	}
	return out, nil
}

// wake tells Run that something is missing.
func (w *Weigher) wake() {
	select {
	case w.wanted <- struct{}{}:
	default:
	}
}
