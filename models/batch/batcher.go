package batch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

// DefaultCalls keep a worker or two busy, and let batches fill when they are behind.
const DefaultCalls = 4

// Options make a Batcher.
type Options struct {
	Embedder models.Embedder
	// Batch bounds a batch; zeros mean the defaults.
	Batch models.BatchConfig
	// Calls tells how many may run at a time for one model; nil for DefaultCalls.
	Calls func() int
	// Line bounds the texts that wait; zeros mean no bound.
	Line admission.LineOptions
	// Payer bears all calls: what is for several is for none of them. Whoever asked is
	// told what it cost.
	Payer models.Payer
	// Unborne is told of tokens for texts whose requests failed or were given up meanwhile.
	// It must not block; nil for nobody.
	Unborne func(models.Usage)
}

// Stats counts the texts that were asked for, and the calls that they took.
type Stats struct{ Texts, Calls int64 }

// Batcher is an Embedder over another. Texts that come together are one call, as far as
// BatchConfig says; one that comes alone does not wait. Texts of an earlier band go first,
// then tenants share fairly. Each request bears the tokens of its texts; one that somebody
// else asked for at the same time costs the later one nothing. A text that the model does
// not take fails its own request only. It is safe for concurrent use.
type Batcher struct {
	o     Options
	stats struct{ texts, calls atomic.Int64 }

	mu     sync.Mutex
	groups map[target]*group
}

var _ models.Embedder = (*Batcher)(nil)

// target is what texts have in common that can go in one call.
type target struct {
	model      string
	dimensions int
}

// group is the texts for one target.
type group struct {
	target
	line  *admission.Line
	calls int
	// paced is true until Wait is over after the last batch.
	paced bool
}

// asker is one Embed that waits for its vectors.
type asker struct {
	r models.EmbedRequest
	// ctx is kept for its values: those of the first asker of a batch go with the call.
	ctx   context.Context
	texts []*text
	left  int
	got   models.Embeddings
	err   error
	done  chan struct{}
}

// text is one text of an asker: it waits in its group's line, or is in a call.
type text struct {
	item  admission.Item
	asker *asker
	at    int
	call  *call
}

// New makes a Batcher. It leaves no goroutine behind when nobody waits.
func New(o Options) *Batcher {
	o.Batch = o.Batch.WithDefaults()
	if o.Calls == nil {
		o.Calls = func() int { return DefaultCalls }
	}
	if o.Unborne == nil {
		o.Unborne = func(models.Usage) {}
	}
	return &Batcher{o: o, groups: make(map[target]*group)}
}

// Stats tells what was asked for so far.
func (b *Batcher) Stats() Stats {
	return Stats{Texts: b.stats.texts.Load(), Calls: b.stats.calls.Load()}
}

// Embed gives the vectors of the texts, made together with those of others. A caller who
// leaves harms nobody: the call goes on while somebody waits for it.
func (b *Batcher) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	if len(r.Texts) == 0 {
		return models.Embeddings{}, nil
	}
	a := &asker{r: r, ctx: ctx, left: len(r.Texts), done: make(chan struct{})}
	a.got.Vectors = make([][]float32, len(r.Texts))
	b.stats.texts.Add(int64(len(r.Texts)))
	b.mu.Lock()
	g := b.group(target{r.Model, r.Dimensions})
	err := a.wait(g)
	if err != nil {
		b.leave(a)
	} else {
		b.flush(g) //nolint:contextcheck // a call has the values of its first asker, and ends with its last
	}
	b.mu.Unlock()
	if err != nil {
		return models.Embeddings{}, err
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		b.leave(a)
		return models.Embeddings{}, fault.New(fault.Retryable, "embed", ctx.Err())
	}
	if a.err != nil {
		return models.Embeddings{}, a.err
	}
	return a.got, nil
}

// group is called with the lock, as all below are.
func (b *Batcher) group(t target) *group {
	g, ok := b.groups[t]
	if !ok {
		g = &group{target: t, line: admission.NewLine(b.o.Line)}
		b.groups[t] = g
	}
	return g
}

// wait puts all texts in the group's line.
func (a *asker) wait(g *group) error {
	for i, words := range a.r.Texts {
		t := &text{asker: a, at: i}
		t.item = admission.Item{Tenant: a.r.For.Person, Band: a.r.Band, Cost: core.EstimateTokens(words), Value: t}
		if t.item.Tenant == "" {
			t.item.Tenant = a.r.For.Account
		}
		a.texts = append(a.texts, t)
		if err := g.line.Push(&t.item); err != nil {
			return err
		}
	}
	return nil
}

// leave takes back what nobody waits for any more.
func (b *Batcher) leave(a *asker) {
	if a.got.Usage != (models.Usage{}) {
		b.o.Unborne(a.got.Usage)
	}
	g := b.groups[target{a.r.Model, a.r.Dimensions}]
	for _, t := range a.texts {
		switch {
		case t.call != nil:
			t.call.drop(t)
		case g != nil:
			g.line.Remove(&t.item)
		}
	}
}

// flush sends what waits, as far as it may go now.
func (b *Batcher) flush(g *group) {
	for g.line.Len() > 0 && g.calls < b.o.Calls() {
		if full := g.line.Len() >= b.o.Batch.Items || g.line.Tokens() >= b.o.Batch.Tokens; g.paced && !full {
			return
		}
		b.send(g)
		if !g.paced {
			g.paced = true
			time.AfterFunc(b.o.Batch.Wait, func() { b.tick(g) })
		}
	}
	if g.calls == 0 && g.line.Len() == 0 && !g.paced {
		delete(b.groups, g.target)
	}
}

// tick ends the pace.
func (b *Batcher) tick(g *group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g.paced = false
	b.flush(g)
}
