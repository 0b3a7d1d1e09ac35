package pool

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// hedgeable tells whether a second worker may be asked when the attempt's first content
// is late, and when it is: after what 95 of 100 took.
func (a *answer) hedgeable(t *try) (late time.Duration, ok bool) {
	if !a.s.o.Hedge || a.band != models.Interactive || a.need.vision || t.number > 1 || t.l.trial || t.l.last || t.l.uncached > hedgePrompt {
		return 0, false
	}
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	return a.v.lane.missing.p95(t.l.uncached)
}

// hedge gives a place at another worker, if that is within what may be wasted.
func (p *Pool) hedge(j *job) *lease {
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	used, slots := 0, 0
	for _, w := range j.v.lane.workers {
		if w.usable(now) {
			used += w.inFlight + max(j.s.o.Elsewhere(w.name), 0) + w.foreign(now)
			slots += w.slots()
		}
	}
	if j.v.lane.line.Len() > 0 || float64(used) >= hedgeBusy*float64(slots) {
		return nil
	}
	w := p.pick(now, j, false)
	if w == nil || j.prompt.Tokens-j.v.lane.index.Cached(w.name, j.prompt) > hedgePrompt || !p.hedges.take(now, j.prompt.Tokens) {
		return nil
	}
	return p.take(now, j, choice{w: w})
}

// runner is an attempt whose pieces come while another one's do.
type runner struct {
	t      *try
	cancel context.CancelFunc
	out    chan piece
}

type piece struct {
	d   models.Delta
	err error
	// broke is what a client panicked with.
	broke any
}

// race runs an attempt, and a second one at another worker when the first is late. The
// one whose content comes first is the answer; the other one is cut off at once.
func (a *answer) race(ctx context.Context, t *try, late time.Duration) (*try, error) {
	var running sync.WaitGroup
	defer running.Wait()
	first := a.launch(ctx, t, &running)
	defer first.stop(a, t)
	timer := time.NewTimer(late)
	defer timer.Stop()
	var second *runner
	var hedged <-chan piece
	for {
		var from *runner
		var got piece
		var ok bool
		select {
		case got, ok = <-first.out:
			from = first
		case got, ok = <-hedged:
			from = second
		case <-timer.C:
			if l := a.p.hedge(&a.job); l != nil {
				second = a.launch(ctx, a.start(l), &running)
				defer second.stop(a, second.t)
				hedged = second.out
			}
			continue
		}
		other := second
		if from == second {
			other = first
		}
		if !ok { // the request's own end
			return from.t, from.t.failed(ctx, fault.New(fault.Retryable, "chat", context.Cause(ctx)))
		}
		switch {
		case got.broke != nil:
			panic(got.broke)
		case got.err != nil && other != nil:
			// The other one is all there is now.
			from.t.close(RetryWaste, from.t.failed(ctx, got.err))
			return a.finish(ctx, other, piece{})
		case got.err != nil:
			return from.t, from.t.failed(ctx, got.err)
		case got.d.Text == "" && len(got.d.Calls) == 0 && got.d.Finish == "":
			continue
		}
		if other != nil {
			other.lose()
		}
		return a.finish(ctx, from, got)
	}
}

// finish relays what is left of the one attempt, behind a piece that came already.
func (a *answer) finish(ctx context.Context, r *runner, got piece) (*try, error) {
	a.worker = r.t.l.w.name
	for ok := true; ok; got, ok = <-r.out {
		switch {
		case got.broke != nil:
			panic(got.broke)
		case got.err != nil:
			return r.t, r.t.failed(ctx, got.err)
		}
		a.relay(r.t, got.d)
		if a.done && a.err == nil {
			// The client makes the connection fit for the next request.
			for range r.out {
			}
		}
		if a.done {
			return r.t, nil
		}
	}
	return r.t, r.t.failed(ctx, fault.New(fault.Retryable, "chat", errUnfinished))
}

// launch runs one attempt of a race. Its last piece is an error, or one with a finish.
func (a *answer) launch(ctx context.Context, t *try, running *sync.WaitGroup) *runner {
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{t: t, cancel: cancel, out: make(chan piece)}
	req, longest := a.req, a.s.o.FirstContent
	running.Go(func() {
		defer close(r.out)
		send := func(p piece) bool {
			select {
			case r.out <- p:
				return true
			case <-ctx.Done():
				return false
			}
		}
		defer func() {
			// The panic belongs to the reader's goroutine, as it would without a race.
			if broke := recover(); broke != nil {
				send(piece{broke: broke})
			}
		}()
		for d, err := range t.chat(ctx, req, longest) {
			if !send(piece{d: d, err: err}) || err != nil || d.Finish != "" {
				return
			}
		}
		send(piece{err: fault.New(fault.Retryable, "chat", errUnfinished)})
	})
	return r
}

// stop ends an attempt in whatever way the race was left.
func (r *runner) stop(a *answer, t *try) {
	r.cancel()
	t.left(a)
}

// lose cuts off the slower attempt. It says nothing about its worker.
func (r *runner) lose() {
	r.cancel()
	r.t.l.release()
	r.t.close(HedgeWaste, nil)
}
