package pool

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// choice is a worker for a request, and by which privilege.
type choice struct {
	w *worker
	// trial is one that may close the worker's breaker, last the version's one request
	// when all are open.
	trial, last bool
}

// choose gives the worker for a request's next attempt; none when nobody has room.
func (p *Pool) choose(now time.Time, j *job) choice {
	// Somebody must find out that a worker is well again; not one who has waited for
	// another worker already.
	if len(j.tried) == 0 {
		if w := p.trial(now, j); w != nil {
			return choice{w: w, trial: true}
		}
	}
	if w := p.pick(now, j, false); w != nil {
		return choice{w: w}
	}
	if w := p.pick(now, j, true); w != nil {
		return choice{w: w}
	}
	if len(j.tried) > 0 {
		if w := p.trial(now, j); w != nil {
			return choice{w: w, trial: true}
		}
	}
	return choice{}
}

// pick asks the policy, about the workers that answer or about those that no probe has
// reached yet.
func (p *Pool) pick(now time.Time, j *job, unproven bool) *worker {
	p.candidates, p.found = p.candidates[:0], p.found[:0]
	for _, w := range j.v.lane.workers {
		if w.unproven() != unproven || !w.usable(now) || !j.takes(w) {
			continue
		}
		p.candidates = append(p.candidates, w.candidate(now, j.s.o.Elsewhere(w.name)))
		p.found = append(p.found, w)
	}
	if len(p.found) == 0 {
		return nil
	}
	if i := j.v.lane.policy.Pick(j.prompt, p.candidates); i >= 0 {
		return p.found[i]
	}
	return nil
}

// trial gives a worker that waits for a request to prove itself.
func (p *Pool) trial(now time.Time, j *job) *worker {
	for _, w := range j.v.lane.workers {
		if w.tryable(now) && j.takes(w) {
			return w
		}
	}
	return nil
}

// busy tells whether a worker will have room for the request by itself.
func (p *Pool) busy(now time.Time, j *job) bool {
	return slices.ContainsFunc(j.v.lane.workers, func(w *worker) bool {
		return j.takes(w) && (w.usable(now) || w.state == models.StateProbing || w.coming())
	})
}

// patient tells whether the request waits for workers that asked for a little patience,
// and lets it ask those again that it tried.
func (p *Pool) patient(now time.Time, j *job) bool {
	waits := false
	for _, w := range j.v.lane.workers {
		if !w.soon(now) || !j.need.met(w) || !w.waitUntil.Before(j.until) {
			continue
		}
		waits = true
		j.tried = slices.DeleteFunc(j.tried, func(o *worker) bool { return o == w })
	}
	return waits
}

// lastResort gives the worker that failed least recently when no worker may be asked:
// never refuse everything because all are open, but try with one request at a time.
func (p *Pool) lastResort(now time.Time, j *job) choice {
	var best *worker
	if j.v.lane.lastResort {
		return choice{}
	}
	for _, w := range j.v.lane.workers {
		if w.state != models.StateOpen || now.Before(w.waitUntil) || !j.takes(w) {
			continue
		}
		if best == nil || w.failedAt.Before(best.failedAt) {
			best = w
		}
	}
	return choice{w: best, last: best != nil}
}

// refusal says why no worker can take a request: they cannot do what it needs, asked for
// patience, refuse our key, or are gone.
func (p *Pool) refusal(now time.Time, j *job) error {
	var soonest *worker
	able := false
	for _, w := range j.v.lane.workers {
		if !j.need.met(w) {
			continue
		}
		able = true
		refused := w.state == models.StateConfigError
		if !refused && !now.Before(w.waitUntil) {
			continue
		}
		if soonest == nil || w.waitUntil.Before(soonest.waitUntil) && !refused || soonest.state == models.StateConfigError && !refused {
			soonest = w
		}
	}
	switch {
	case !able && len(j.v.lane.workers) > 0:
		return fault.New(fault.Permanent, "pick a worker", errUnable, fault.WithPublic(publicUnable))
	case soonest == nil:
		return fault.New(fault.Retryable, "pick a worker", errNoWorker)
	case soonest.state == models.StateConfigError:
		return fault.New(fault.NeedsHuman, "pick a worker", soonest.err)
	default:
		return fault.New(fault.RateLimited, "pick a worker", soonest.err, fault.WithWait(soonest.waitUntil.Sub(now)))
	}
}

// lease is one attempt's place at a worker. It is made when the request goes out, and
// given back exactly once, however the attempt ends.
type lease struct {
	choice
	job *job
	// client is the worker's as it was configured then.
	client models.Client
	// uncached is how much of the prompt the worker has yet to compute, as far as is known
	// when it goes out. free is true when the worker has a slot for it, calm when it has
	// many.
	uncached   int
	free, calm bool
	// before is how many requests the worker had.
	before int
	began  time.Time
	// took is how long the first content took; 0 when none came.
	took     time.Duration
	failedAt time.Time
	released atomic.Bool
}

// take counts the request at its worker.
func (p *Pool) take(now time.Time, j *job, c choice) *lease {
	w, l := c.w, j.v.lane
	before := w.inFlight + max(j.s.o.Elsewhere(w.name), 0) + w.foreign(now)
	lease := &lease{
		choice: c, job: j, client: w.conf.Client, began: now, uncached: j.prompt.Tokens - l.index.Cached(w.name, j.prompt),
		free: before < w.slots(), calm: 2*before < w.slots(), before: before,
	}
	if len(j.tried) == 0 {
		p.hedges.request(now, j.prompt.Tokens)
	}
	w.inFlight++
	if c.trial {
		w.trials++
		if w.state == models.StateOpen {
			w.passed = 0
			w.to(models.StateProbing, nil)
		}
	}
	l.lastResort = l.lastResort || c.last
	l.index.Insert(w.name, j.prompt)
	j.tried = append(j.tried, w)
	return lease
}

// release gives the place back, and is harmless when it was given back before.
func (l *lease) release() { l.end(func(time.Time) {}) }

// end gives the place back, after what there is to note.
func (l *lease) end(note func(now time.Time)) {
	if l.released.Swap(true) {
		return
	}
	p := l.job.p
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	l.w.inFlight--
	if l.trial {
		l.w.trials--
	}
	if l.last {
		l.job.v.lane.lastResort = false
	}
	note(now)
	if l.w.draining && l.w.inFlight == 0 {
		p.reap()
	}
	p.dispatch(now, l.job.v.lane)
}

// first takes note of the first content.
func (l *lease) first() {
	l.job.p.mu.Lock()
	defer l.job.p.mu.Unlock()
	l.took = time.Since(l.began)
	l.came(l.took)
}

// prefillLeast is how many tokens must be computed before the time of it means anything.
const prefillLeast = 64

// measure takes note of how long the first content took for what had to be computed. It
// waits for the end of the answer: only then the worker tells what it had cached, and an
// estimate that is wrong would make the worker look slower than it is, or faster.
func (l *lease) measure(u *models.Usage) {
	if l.took == 0 {
		return
	}
	uncached := l.uncached
	if u != nil && u.Prompt > 0 && l.w.tellsCached {
		uncached = l.job.prompt.Tokens * max(u.Prompt-u.Cached, 0) / u.Prompt
	}
	if l.w.learned() {
		l.w.limit.learn(l.began, l.took, uncached, l.before)
	}
	if !l.free {
		return
	}
	lane, speed := l.job.v.lane, &l.w.speed
	lane.pace.add(uncached, l.took)
	speed.first.add(l.took)
	speed.usual.add(lane.pace.of(uncached))
	if l.calm && uncached >= prefillLeast {
		speed.prefill.add(l.took / time.Duration(uncached))
	}
}

// answered takes note of a finished answer and gives the place back.
func (l *lease) answered(u *models.Usage) {
	l.end(func(now time.Time) {
		lane := l.job.v.lane
		l.w.speed.service.add(now.Sub(l.began))
		l.w.answered(now, l.trial)
		lane.results.add(true)
		l.job.p.retries.earn()
		if u != nil {
			lane.ratio.add(u.Prompt, l.job.prompt.Tokens)
			l.w.tellsCached = l.w.tellsCached || u.Cached > 0
			if l.w.tellsCached {
				lane.index.Correct(l.w.name, l.job.prompt, u.Cached)
			}
		}
		l.measure(u)
		l.w.review(now, lane.slow(l.w))
		l.job.p.compare(l.job.s)
	})
}

// failed judges a failure and gives the place back.
func (l *lease) failed(err error) {
	l.end(func(now time.Time) {
		j := l.job
		if broke(err) && j.broken != nil {
			// The same request broke two workers: it is to blame, not they.
			j.broken.w.refund(j.broken.failedAt)
			j.v.lane.results.refund()
			j.poison = true
			return
		}
		l.w.failed(now, err, l.trial)
		l.w.review(now, false)
		if models.Blame(err) == models.BlameWorker {
			l.failedAt = now
			j.v.lane.results.add(false)
			j.p.compare(j.s)
		}
		if broke(err) {
			j.broken = l
		}
	})
}
