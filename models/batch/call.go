package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

// call is one batch under way. The same text of several askers is in it once.
type call struct {
	words []string
	// texts are whom each of words is for; the first who is still there bears its tokens.
	texts [][]*text
	costs []int
	r     models.EmbedRequest
	// live is how many texts somebody waits for; at 0 the call is cancelled.
	live   int
	cancel context.CancelFunc
}

// send takes a batch from the line and starts its call.
func (b *Batcher) send(g *group) {
	c := &call{r: models.EmbedRequest{Model: g.model, Dimensions: g.dimensions, For: b.o.Payer}}
	tokens := 0
	fits := func(it *admission.Item) (float64, bool) { return 0, tokens == 0 || tokens+it.Cost <= b.o.Batch.Tokens }
	for len(c.words) < b.o.Batch.Items {
		it := g.line.Pull(fits)
		if it == nil {
			break
		}
		if c.add(it.Value.(*text)) {
			tokens += max(it.Cost, 1)
		}
	}
	first := c.texts[0][0].asker
	ctx, cancel := context.WithCancel(context.WithoutCancel(first.ctx))
	c.cancel = cancel
	g.calls++
	go func() {
		defer cancel()
		b.make(ctx, c, 0, len(c.words))
		b.mu.Lock()
		defer b.mu.Unlock()
		g.calls--
		b.flush(g) //nolint:contextcheck // the next call is for others
	}()
}

// add tells whether the text is new to the call.
func (c *call) add(t *text) bool {
	asked := t.asker.r
	t.call = c
	c.live++
	if len(c.texts) == 0 {
		c.r.Band, c.r.Trace = asked.Band, asked.Trace
	}
	c.r.Band = min(c.r.Band, asked.Band)
	words := asked.Texts[t.at]
	if i := slices.Index(c.words, words); i >= 0 {
		c.texts[i] = append(c.texts[i], t)
		return false
	}
	c.words = append(c.words, words)
	c.texts = append(c.texts, []*text{t})
	c.costs = append(c.costs, max(t.item.Cost, 1))
	return true
}

// drop takes a text out for which nobody waits.
func (c *call) drop(t *text) {
	t.call = nil
	if c.live--; c.live == 0 {
		c.cancel()
	}
}

// make asks for the vectors of words from to until. When they are refused it asks for
// each half, so that a text which the model does not take ends up alone.
func (b *Batcher) make(ctx context.Context, c *call, from, until int) {
	if !b.wanted(c, from, until) {
		return
	}
	r := c.r
	r.Texts = c.words[from:until]
	b.stats.calls.Add(1)
	got, err := b.o.Embedder.Embed(ctx, r)
	if err == nil && len(got.Vectors) != len(r.Texts) {
		b.o.Unborne(got.Usage)
		err = fault.New(fault.Retryable, "embed", fmt.Errorf("%w: %d for %d texts", errCount, len(got.Vectors), len(r.Texts)))
	}
	if fault.ClassOf(err) == fault.Permanent && until-from > 1 && ctx.Err() == nil {
		half := (from + until) / 2
		b.make(ctx, c, from, half)
		b.make(ctx, c, half, until)
		return
	}
	if err == nil && got.Usage == (models.Usage{}) {
		got.Usage, got.Estimated = models.Usage{Prompt: sum(c.costs[from:until])}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	shares := share(got.Usage, c.costs[from:until])
	for i, texts := range c.texts[from:until] {
		paid := false
		for _, t := range texts {
			// Those who left meanwhile have no call any more.
			if t.call == nil {
				continue
			}
			t.call = nil
			c.live--
			if err != nil {
				b.fail(t.asker, err)
				continue
			}
			t.asker.take(t.at, got, i, shares[i], paid)
			paid = true
		}
		if err == nil && !paid {
			b.o.Unborne(shares[i])
		}
	}
}

// wanted tells whether anybody waits for words from to until.
func (b *Batcher) wanted(c *call, from, until int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(c.texts[from:until], func(texts []*text) bool {
		return slices.ContainsFunc(texts, func(t *text) bool { return t.call != nil })
	})
}

var errCount = errors.New("the worker gave another number of vectors than it was asked for")

// fail ends a request. Its other texts are not asked for.
func (b *Batcher) fail(a *asker, err error) {
	if a.err == nil {
		a.err = err
		b.leave(a)
		close(a.done)
	}
}

// take gives the asker its vector number at: that of got at i. Its tokens are paid once,
// and its vector is each asker's own.
func (a *asker) take(at int, got models.Embeddings, i int, u models.Usage, paid bool) {
	a.got.Vectors[at] = got.Vectors[i]
	a.got.Model, a.got.Worker, a.got.Version = got.Model, got.Worker, got.Version
	if paid {
		a.got.Vectors[at] = slices.Clone(got.Vectors[i])
	} else {
		a.got.Usage.Prompt += u.Prompt
		a.got.Usage.Completion += u.Completion
		a.got.Usage.Cached += u.Cached
		a.got.Estimated = a.got.Estimated || got.Estimated
	}
	if a.left--; a.left == 0 {
		close(a.done)
	}
}

// share divides usage by cost, so that the parts sum up to it.
func share(u models.Usage, costs []int) []models.Usage {
	total := sum(costs)
	parts := make([]models.Usage, len(costs))
	before, so := models.Usage{}, 0
	for i, cost := range costs {
		so += cost
		upto := models.Usage{Prompt: u.Prompt * so / total, Completion: u.Completion * so / total, Cached: u.Cached * so / total}
		parts[i] = models.Usage{Prompt: upto.Prompt - before.Prompt, Completion: upto.Completion - before.Completion, Cached: upto.Cached - before.Cached}
		before = upto
	}
	return parts
}

func sum(costs []int) int {
	total := 0
	for _, cost := range costs {
		total += cost
	}
	return total
}
