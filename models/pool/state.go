package pool

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// failuresToOpen is how many failures in a row take a worker out: one alone must
	// never. So do openPart of at least openLeast results within the window.
	failuresToOpen = 3
	openPart       = 0.5
	openLeast      = 6
	minBackoff     = time.Second
	maxBackoff     = 30 * time.Second
	// trialsToReady is how many answers close the breaker.
	trialsToReady = 2
	// degradedPart of at least degradedLeast results is too many failures for a full share.
	degradedPart  = 0.1
	degradedLeast = 10
	// slowTimes is how much slower than the others' a worker's first content must be, for
	// as much to compute, to make it degraded; slowLeast keeps noise between fast ones out
	// of it, slowSamples chance.
	slowTimes   = 3
	slowLeast   = 200 * time.Millisecond
	slowSamples = 8
	// healedAfter is how long a degraded worker must do well: three windows.
	healedAfter = 3 * windowSize * time.Second
	// refusedFor is how long a worker that refuses our key is left alone.
	refusedFor = 30 * time.Second
	// defaultWait is how long a worker that asks for patience without saying how much is
	// left alone.
	defaultWait = time.Second
	// loadingWait is the same for one that loads its model and has no probe to tell when
	// it is done.
	loadingWait = 2 * time.Second
)

// to changes the state.
func (w *worker) to(state models.State, because error) {
	if w.state == state {
		return
	}
	w.pool.changes = append(w.pool.changes, change{worker: w.name, from: w.state, to: state, err: because})
	w.state = state
}

// answered takes note of an answer that was finished.
func (w *worker) answered(now time.Time, trial bool) {
	w.results.add(now, true)
	w.fails, w.probeFails, w.err = 0, 0, nil
	switch w.state {
	case models.StateNew, models.StateWarming:
		w.ready(now, w.late)
	case models.StateConfigError:
		w.ready(now, true)
	case models.StateOpen, models.StateProbing:
		if trial {
			w.passed++
		}
		if w.passed >= trialsToReady {
			w.backoff, w.waitUntil = 0, time.Time{}
			w.ready(now, true)
		} else {
			w.to(models.StateProbing, nil)
		}
	}
}

// ready gives the worker its share, slowly when others are warm already.
func (w *worker) ready(now time.Time, slowly bool) {
	w.to(models.StateReady, nil)
	w.err, w.waitUntil = nil, time.Time{}
	if slowly {
		w.readyAt = now
	}
}

// failed judges what a failure says about the worker. The caller has made sure that it
// is not the end of the request's own context.
func (w *worker) failed(now time.Time, err error, trial bool) {
	wait := fault.Wait(err)
	switch class := fault.ClassOf(err); {
	case errors.Is(err, models.ErrLoading):
		w.err, w.warm = err, false
		if w.conf.Probe == nil {
			w.waitUntil = now.Add(loadingWait)
			return
		}
		w.to(models.StateWarming, err)
	case class == fault.NeedsHuman:
		w.err, w.waitUntil = err, now.Add(refusedFor)
		w.to(models.StateConfigError, err)
	case class == fault.RateLimited, class == fault.Retryable && wait > 0:
		w.err, w.waitUntil, w.badAt = err, now.Add(cmp.Or(wait, defaultWait)), now
		w.limit.shrink(now)
		if w.state == models.StateReady || w.state == models.StateNew {
			w.to(models.StateDegraded, err)
		}
	case models.Blame(err) == models.BlameWorker:
		w.err, w.failedAt = err, now
		w.fails++
		w.results.add(now, false)
		good, bad := w.results.sum(now)
		often := good+bad >= openLeast && float64(bad) >= openPart*float64(good+bad)
		if trial || w.state != models.StateOpen && (w.fails >= failuresToOpen || often) {
			w.open(now, err)
		}
	}
}

// open takes the worker out. Chance spreads the way back over 0.8 to 1.2 of the back-off,
// so that hubs do not return to it together.
func (w *worker) open(now time.Time, because error) {
	w.backoff = min(max(2*w.backoff, minBackoff), maxBackoff)
	w.fails, w.passed = 0, 0
	w.results = window{}
	w.openUntil = now.Add(w.backoff * time.Duration(800+w.pool.now.Load().o.Rand(401)) / 1000)
	w.to(models.StateOpen, because)
	// Whatever ends a worker's answers often ends its memory too.
	for _, l := range w.pool.all() {
		if slices.Contains(l.workers, w) {
			l.index.Drop(w.name)
		}
	}
}

// refund takes a failure back that turned out to be the request's.
func (w *worker) refund(at time.Time) {
	w.results.refund(at)
	w.fails = max(w.fails-1, 0)
	if w.state == models.StateOpen && w.failedAt.Equal(at) {
		w.backoff /= 2
		w.ready(time.Now(), false)
	}
}

// review looks whether the worker is as it should be.
func (w *worker) review(now time.Time, slow bool) {
	good, bad := w.results.sum(now)
	if good+bad >= degradedLeast && float64(bad) > degradedPart*float64(good+bad) {
		w.badAt = now
	}
	because := w.err
	if slow {
		w.slowAt = now
		because = cmp.Or(because, errSlow)
	}
	switch {
	case w.state == models.StateReady && (w.badAt.Equal(now) || slow):
		w.to(models.StateDegraded, because)
	case w.state == models.StateDegraded && now.Sub(w.badAt) >= healedAfter && now.Sub(w.slowAt) >= healedAfter && !now.Before(w.waitUntil):
		w.to(models.StateReady, nil)
	}
}

// slow tells whether a worker's first content comes much later than the others'. Each is
// held against what is usual for as much to compute: plain delays would call that worker
// slow which had the prompts that nobody has cached.
func (l *lane) slow(w *worker) bool {
	if w.speed.first.n < slowSamples {
		return false
	}
	var others []float64
	for _, o := range l.workers {
		if o != w && o.speed.first.n >= slowSamples {
			others = append(others, o.speed.beside())
		}
	}
	if len(others) == 0 {
		return false
	}
	slices.Sort(others)
	expected := others[len(others)/2] * w.speed.usual.value
	own := w.speed.first.value
	return own > slowTimes*expected && own > expected+float64(slowLeast)
}

// all lists the lanes, those that are leaving too.
func (p *Pool) all() []*lane {
	all := slices.Clone(p.leaving)
	for _, l := range p.lanes {
		all = append(all, l)
	}
	return all
}
