package pool

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

// Chat answers with the model of the version that the request falls to, whatever r.Model
// says. When no worker can take the request, the fault has a public text and, where one
// is known, the time to wait.
func (p *Pool) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		s := p.now.Load()
		ctx, cancel := context.WithTimeoutCause(ctx, s.o.Total, errTotal)
		defer cancel()
		settle, err := s.o.Admit(r)
		if err != nil {
			yield(models.Delta{}, err)
			return
		}
		a := answer{job: p.job(s, r), req: r, yield: yield}
		defer func() { settle(a.served) }()
		if a.v, err = p.admit(s, r.Affinity, false); err != nil {
			yield(models.Delta{}, a.final(ctx, err, false))
			return
		}
		defer a.over()
		a.req.Model = a.v.model
		p.cast(s, r, a.v) //nolint:contextcheck // a copy does not end with the request
		a.run(ctx)
	}
}

func (p *Pool) job(s *snapshot, r models.Request) job {
	prompt := routing.Read(r)
	return job{
		p: p, s: s, prompt: prompt, payer: r.For, trace: r.Trace, band: r.Band, began: time.Now(), err: errLeft,
		cost: prompt.Tokens + 2*cmp.Or(r.MaxTokens, usualAnswer),
		need: need{
			tools: len(r.Tools) > 0, schema: r.Format != nil, going: r.Prefix != "",
			vision: slices.ContainsFunc(r.Messages, func(m models.Message) bool { return len(m.Images) > 0 }),
		},
	}
}

// answer is one run of Chat.
type answer struct {
	job
	req   models.Request
	yield func(models.Delta, error) bool
	// said is true when text was yielded that no Reset took back; text is that text.
	said bool
	text strings.Builder
	// called is true when tools were asked for.
	called bool
	// reset is true when the next attempt begins the answer again, restarted that one
	// has done so although somebody saw it.
	reset, restarted bool
	// done is true when nothing is left to do: the answer is finished or nobody listens
	// any more.
	done bool
}

func (a *answer) run(ctx context.Context) {
	if err := a.measure(); err != nil {
		a.fail(ctx, err)
		return
	}
	var last error
	for {
		l, err := a.p.acquire(ctx, &a.job)
		if err != nil {
			a.fail(ctx, cmp.Or(last, err))
			return
		}
		t, err := a.attempt(ctx, l)
		if a.done {
			return
		}
		last = err
		more := a.again(ctx, err) && a.recover()
		switch {
		case ctx.Err() != nil:
			t.close(Cancelled, err)
		case more && !a.reset && a.said:
			t.close(Served, err)
		default:
			t.close(RetryWaste, err)
		}
		if !more {
			a.fail(ctx, last)
			return
		}
	}
}

func (a *answer) fail(ctx context.Context, err error) {
	a.err = a.final(ctx, err, a.said && a.shown())
	a.yield(models.Delta{}, a.err)
}

// measure refuses a prompt that is longer than any worker's context before one is asked.
func (a *answer) measure() error {
	a.p.mu.Lock()
	defer a.p.unlock()
	least, longest := a.v.lane.ratio.atLeast(a.prompt.Tokens), 0
	for _, w := range a.v.lane.workers {
		if w.server.Context == 0 {
			return nil
		}
		longest = max(longest, w.server.Context)
	}
	a.need.tokens = least
	if longest > 0 && least > longest {
		return fault.New(fault.Permanent, "measure the prompt", models.ErrOverflow, fault.WithPublic(publicTooLong))
	}
	return nil
}

func (a *answer) shown() bool {
	if a.req.Shown == nil {
		return a.said
	}
	return a.req.Shown()
}

// recover prepares the next attempt after one that failed, and tells whether there can be
// one. As long as nobody has seen anything, the answer begins again. After that it goes
// on where it broke off, if a worker can do that; or begins again where what was shown
// can be replaced, once; else it has failed, and what was said stays said.
func (a *answer) recover() bool {
	switch {
	case !a.said:
		return true
	case !a.shown():
		a.reset = true
	case a.continuable():
		a.req.Prefix, a.need.going = a.text.String(), true
	case a.req.Restart && !a.restarted:
		a.reset, a.restarted = true, true
	default:
		return false
	}
	return true
}

// continuable tells whether another worker can take up the answer: half a tool call or
// half a JSON object cannot be.
func (a *answer) continuable() bool {
	if len(a.req.Tools) > 0 || a.req.Format != nil || a.called {
		return false
	}
	a.p.mu.Lock()
	defer a.p.unlock()
	now := time.Now()
	return slices.ContainsFunc(a.v.lane.workers, func(w *worker) bool {
		return w.server.Continue && w.usable(now) && a.takes(w)
	})
}

// begin takes back what an attempt before said, when this one says it anew.
func (a *answer) begin() bool {
	if !a.reset {
		return true
	}
	a.reset, a.said, a.req.Prefix, a.need.going = false, false, "", false
	a.text.Reset()
	a.done = !a.yield(models.Delta{Reset: true}, nil)
	return !a.done
}

// attempt asks one worker, and where that one is late another one too. It gives the
// attempt whose failure err is; unless done is set, that one is still to be closed.
func (a *answer) attempt(ctx context.Context, l *lease) (*try, error) {
	t := a.start(l)
	// What happens to the reader here must not keep the place taken.
	defer t.left(a)
	if !a.begin() {
		return t, nil
	}
	if late, ok := a.hedgeable(t); ok {
		return a.race(ctx, t, late)
	}
	for d, err := range t.chat(ctx, a.req, a.s.o.FirstContent) {
		if err != nil {
			return t, t.failed(ctx, err)
		}
		if a.relay(t, d); a.done {
			return t, nil
		}
	}
	return t, t.failed(ctx, fault.New(fault.Retryable, "chat", errUnfinished))
}

// left gives everything back when the reader has gone in the middle.
func (t *try) left(a *answer) {
	if t.l.released.Load() {
		return
	}
	t.l.release()
	t.close(Cancelled, a.err)
}

// relay gives one delta to the reader.
func (a *answer) relay(t *try, d models.Delta) {
	t.heard(d)
	a.said = !d.Reset && (a.said || d.Text != "")
	a.called = a.called || len(d.Calls) > 0
	a.text.WriteString(d.Text)
	if d.Finish == "" {
		// An empty delta only says that the worker lives.
		if d.Text != "" || len(d.Calls) > 0 || d.Reset {
			a.done = !a.yield(d, nil)
		}
		return
	}
	t.l.answered(d.Usage)
	t.close(Served, nil)
	a.err, a.done = nil, true
	d.Worker, d.Version = t.l.w.name, a.v.name
	d.Model = cmp.Or(d.Model, a.v.model)
	a.yield(d, nil)
}

// chat asks the worker. The wait for the first sign of an answer is bounded by what
// prompts of this size took before; all else is for the client to bound, which alone
// sees every byte.
func (t *try) chat(ctx context.Context, r models.Request, longest time.Duration) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		wait := t.l.deadline(longest)
		timer := time.AfterFunc(wait, func() { cancel(errFirst) })
		defer timer.Stop()
		waiting := true
		for d, err := range t.l.client.Chat(ctx, r) {
			if waiting {
				waiting = false
				timer.Stop()
			}
			if err != nil && errors.Is(context.Cause(ctx), errFirst) {
				t.l.late(wait)
				err = fault.New(fault.Retryable, "chat", errFirst)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// failed tells the pool that the attempt failed, unless it was the request's own end.
func (t *try) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		t.l.failed(err)
	} else {
		t.l.release()
	}
	return err
}
