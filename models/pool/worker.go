package pool

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// failuresToOpen is how many failures in a row take a worker out: one alone must
	// never.
	failuresToOpen = 3
	minBackoff     = time.Second
	maxBackoff     = 30 * time.Second
	// aliveFor is how long a token outweighs a failed probe: a busy worker may be
	// too busy for probes.
	aliveFor = 5 * time.Second
	// refusedFor is how long a worker that refuses our key is left alone.
	refusedFor = 30 * time.Second
	// defaultWait is how long a worker that asks for patience without saying how
	// much is left alone.
	defaultWait = time.Second
)

// Worker is one member of a pool.
type Worker struct {
	// Name is unique in the pool, for logs and metrics.
	Name   string
	Client models.Client
	// Slots is how many answers it works on at a time; 0 means DefaultSlots.
	Slots int
	// Probe asks it cheaply whether it lives. Nil: only requests tell.
	Probe func(ctx context.Context) error
}

// worker is the live side of a Worker. All but alive is guarded by Pool.mu.
type worker struct {
	name   string
	client models.Client
	slots  int
	probe  func(ctx context.Context) error
	// alive is when the last token came, in Unix nanoseconds: written for each
	// delta, so outside of the lock.
	alive atomic.Int64

	state    models.State
	inFlight int
	// fails and probeFails count in a row, each its own kind: a probe that succeeds
	// says nothing about requests that fail.
	fails, probeFails int
	backoff           time.Duration
	openUntil         time.Time
	// trial is true while the one request that may close the breaker is running.
	trial     bool
	waitUntil time.Time
	// refused is true when the wait is for a human: the worker refuses our key.
	refused  bool
	failedAt time.Time
	probedAt time.Time
	err      error
}

func newWorker(w Worker) *worker {
	return &worker{name: w.Name, client: w.Client, slots: cmp.Or(max(w.Slots, 0), models.DefaultSlots), probe: w.Probe, state: models.StateNew}
}

// tryable tells whether an open worker may get its trial request. One whose
// probes fail does not: that would cost somebody a request to learn nothing new.
func (w *worker) tryable(now time.Time) bool { return w.due(now) && !w.trial }

// due tells whether an open worker's back-off is over and its probes succeed.
func (w *worker) due(now time.Time) bool {
	return w.state == models.StateOpen && w.probeFails == 0 && !now.Before(w.openUntil)
}

// unproven tells whether a probe has yet to reach the worker. One without probes
// can prove itself only by requests.
func (w *worker) unproven() bool { return w.state == models.StateNew && w.probe != nil }

func (w *worker) aliveAt() time.Time {
	if n := w.alive.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

func (w *worker) answered() {
	w.state, w.fails, w.probeFails, w.backoff = models.StateReady, 0, 0, 0
	w.waitUntil, w.refused, w.err = time.Time{}, false, nil
}

// open takes the worker out. rnd spreads the way back over 0.8 to 1.2 of the
// back-off, so that hubs do not return to it together.
func (w *worker) open(now time.Time, rnd func(int) int) {
	w.backoff = min(max(2*w.backoff, minBackoff), maxBackoff)
	w.state, w.fails = models.StateOpen, 0
	w.openUntil = now.Add(w.backoff * time.Duration(800+rnd(401)) / 1000)
}

// lease is one request's place at a worker. It is given back exactly once.
type lease struct {
	pool *Pool
	w    *worker
	// trial and last tell which privilege the request uses: the worker's one trial,
	// or the pool's one request when all are open.
	trial, last bool
	released    atomic.Bool
}

func (l *lease) release() {
	if l.released.Swap(true) {
		return
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.w.inFlight--
	if l.trial {
		l.w.trial = false
	}
	if l.last {
		l.pool.lastResort = false
	}
}

func (l *lease) answered() {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.w.answered()
}

// failed judges what a failure says about the worker. The caller has made sure
// that it is not the end of the request's own context.
func (l *lease) failed(err error) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	now, w := time.Now(), l.w
	switch wait := fault.Wait(err); {
	case fault.ClassOf(err) == fault.NeedsHuman:
		w.err, w.refused, w.waitUntil = err, true, now.Add(refusedFor)
	case fault.ClassOf(err) == fault.RateLimited, fault.ClassOf(err) == fault.Retryable && wait > 0:
		w.err, w.refused, w.waitUntil = err, false, now.Add(cmp.Or(wait, defaultWait))
	case fault.ClassOf(err) == fault.Retryable:
		w.err, w.failedAt = err, now
		w.fails++
		if l.trial || w.state != models.StateOpen && w.fails >= failuresToOpen {
			w.open(now, l.pool.rnd)
		}
	}
}
