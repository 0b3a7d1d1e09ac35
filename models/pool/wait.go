package pool

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

// pollLine is how often a line is looked at while somebody waits in it.
const pollLine = 250 * time.Millisecond

// ticket is a request's place in its version's line.
type ticket struct {
	item admission.Item
	job  *job
	next choice
	got  chan grant
}

// grant is what a ticket waits for.
type grant struct {
	lease *lease
	err   error
}

// acquire gives the request a place at a worker, now or when its turn comes. A fault says
// why there is none: RateLimited ones with the time to wait.
func (p *Pool) acquire(ctx context.Context, j *job) (*lease, error) {
	if ctx.Err() != nil {
		return nil, fault.New(fault.Retryable, "chat", context.Cause(ctx))
	}
	j.until, _ = ctx.Deadline()
	t, l, err := p.enter(j)
	if t == nil {
		return l, err
	}
	return p.stand(ctx, t)
}

// enter gives a place at once if there is one, else one in the line.
func (p *Pool) enter(j *job) (*ticket, *lease, error) {
	p.mu.Lock()
	defer p.unlock()
	now, line := time.Now(), j.v.lane.line
	if line.Len() == 0 || len(j.tried) > 0 {
		if c := p.choose(now, j); c.w != nil {
			return nil, p.take(now, j, c), nil
		}
		if !p.busy(now, j) && !p.patient(now, j) {
			if c := p.lastResort(now, j); c.w != nil {
				return nil, p.take(now, j, c), nil
			}
			return nil, nil, p.refusal(now, j)
		}
	}
	t := &ticket{job: j, got: make(chan grant, 1)}
	t.item = admission.Item{Tenant: j.tenant(), Band: j.band, Cost: j.cost, Value: t}
	if err := line.Push(&t.item); err != nil {
		return nil, nil, full(line.Len()+1, fault.Wait(err), err)
	}
	j.queued = true
	p.dispatch(now, j.v.lane)
	if place := line.Place(&t.item); place > 0 && j.band != models.Batch {
		if wait := j.v.lane.wait(place); wait > j.v.lane.queue.Wait {
			line.Remove(&t.item)
			return nil, nil, full(place, wait, errTooLong)
		}
	}
	return t, nil, nil
}

// stand waits for the ticket's turn. Nobody whose answer could be watched waits longer
// than the queue allows.
func (p *Pool) stand(ctx context.Context, t *ticket) (*lease, error) {
	longest := time.Duration(math.MaxInt64)
	if t.job.band != models.Batch {
		longest = t.job.s.o.Queue.Wait
	}
	patience := time.NewTimer(longest)
	defer patience.Stop()
	var err error
	select {
	case g := <-t.got:
		return g.lease, g.err
	case <-ctx.Done():
		err = fault.New(fault.Retryable, "wait in line", context.Cause(ctx))
	case <-patience.C:
	}
	p.mu.Lock()
	lane := t.job.v.lane
	place := lane.line.Place(&t.item)
	left := lane.line.Remove(&t.item)
	wait := lane.wait(place)
	p.unlock()
	if !left {
		// The turn came at the same moment.
		g := <-t.got
		if g.lease == nil || err == nil {
			return g.lease, g.err
		}
		g.lease.release()
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return nil, full(place, wait, errTooLong)
}

// full tells a person honestly how it stands.
func full(place int, wait time.Duration, because error) error {
	wait = min(max(wait.Round(time.Second), time.Second), time.Minute)
	public := fmt.Sprintf("The model is busy, and you would be number %d in line. Please try again in %d seconds.", place, int(wait.Seconds()))
	because = &admission.Full{Place: place, Wait: wait, Because: because}
	return fault.New(fault.RateLimited, "wait in line", because, fault.WithWait(wait), fault.WithPublic(public))
}

// wait estimates how long the line needs until a place in it is served; 0 when nobody
// knows yet.
func (l *lane) wait(place int) time.Duration {
	perSecond := 0.0
	for _, w := range l.workers {
		if w.state == models.StateReady || w.state == models.StateDegraded {
			perSecond += w.speed.rate() * float64(w.slots())
		}
	}
	if perSecond == 0 {
		return 0
	}
	return time.Duration(float64(place) / perSecond * float64(time.Second))
}

// dispatch gives out what room there is to those in the line, in its order.
func (p *Pool) dispatch(now time.Time, l *lane) {
	for l.line.Len() > 0 && p.room(now, l) {
		it := l.line.Pull(func(it *admission.Item) (float64, bool) { return p.fit(now, it) })
		if it == nil {
			break
		}
		p.grant(now, it)
	}
	if l.line.Len() > 0 && !p.hope(now, l) {
		p.turnAway(now, l)
	}
	if l.line.Len() == 0 {
		if l.poll != nil {
			l.poll.Stop()
			l.poll = nil
		}
		return
	}
	if l.poll == nil {
		l.poll = time.AfterFunc(pollLine, func() { p.look(l) })
	}
}

// room tells whether any worker might take one more. It is asked before all that wait
// are.
func (p *Pool) room(now time.Time, l *lane) bool {
	return slices.ContainsFunc(l.workers, func(w *worker) bool {
		return w.tryable(now) || w.usable(now) && 4*(w.inFlight+w.foreign(now)) < 5*w.slots()
	})
}

// look is what the poll does.
func (p *Pool) look(l *lane) {
	p.mu.Lock()
	defer p.unlock()
	l.poll = nil
	p.dispatch(time.Now(), l)
}

// fit tells what a waiting request would cost on the worker that it would go to now.
func (p *Pool) fit(now time.Time, it *admission.Item) (cost float64, ok bool) {
	t := asTicket(it)
	t.next = p.choose(now, t.job)
	w := t.next.w
	if w == nil {
		return 0, false
	}
	return t.job.v.lane.policy.Cost(t.job.prompt, w.candidate(now, t.job.s.o.Elsewhere(w.name))), true
}

func (p *Pool) grant(now time.Time, it *admission.Item) {
	t := asTicket(it)
	t.got <- grant{lease: p.take(now, t.job, t.next)}
}

// hope tells whether something will happen that moves the line on.
func (p *Pool) hope(now time.Time, l *lane) bool {
	if l.lastResort {
		return true
	}
	for _, w := range l.workers {
		if w.usable(now) || w.state == models.StateProbing || w.coming() || w.soon(now) {
			return true
		}
	}
	return false
}

// turnAway tries the line's first with a worker that is open, and when there is none
// tells everybody.
func (p *Pool) turnAway(now time.Time, l *lane) {
	it := l.line.Pull(func(it *admission.Item) (float64, bool) {
		t := asTicket(it)
		t.next = p.lastResort(now, t.job)
		return 0, t.next.w != nil
	})
	if it != nil {
		p.grant(now, it)
		return
	}
	for l.line.Len() > 0 {
		t := asTicket(l.line.Pull(func(*admission.Item) (float64, bool) { return 0, true }))
		t.got <- grant{err: p.refusal(now, t.job)}
	}
}

func asTicket(it *admission.Item) *ticket {
	t, ok := it.Value.(*ticket)
	if !ok {
		panic("pool: something else than a request waits in line")
	}
	return t
}
