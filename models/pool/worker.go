package pool

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

const (
	// rampStart and rampTime are the way back of a worker: its cache is cold, and whatever
	// felled it may do so again.
	rampStart = 0.1
	rampTime  = 30 * time.Second
	// degradedWeight is the part of its share that a degraded worker keeps: enough to see
	// that it is well again.
	degradedWeight = 0.25
)

// worker is the live side of a Worker. All but its id and alive is guarded by Pool.mu.
type worker struct {
	id
	pool *Pool
	conf Worker
	// alive is when the last token came, in Unix nanoseconds: written for each delta, so
	// outside of the lock.
	alive atomic.Int64

	state    models.State
	draining bool
	// late is true for one that came while the others were warm already.
	late     bool
	inFlight int
	// fails and probeFails count in a row, each its own kind: a probe that succeeds says
	// nothing about requests that fail.
	fails, probeFails int
	results           window
	// badAt is when it last deserved to be degraded by failures or for patience, slowAt
	// by nothing but slowness.
	badAt   time.Time
	slowAt  time.Time
	readyAt time.Time
	backoff time.Duration
	// openUntil is the end of the back-off, failedAt its beginning.
	openUntil, failedAt time.Time
	// trials are the requests under way that may close the breaker, passed those that
	// were answered.
	trials, passed int
	waitUntil      time.Time
	probedAt       time.Time
	probing, warm  bool
	server         models.Server
	// warmedAt is when it was warmed last, warming true while it is.
	warmedAt time.Time
	warming  bool
	// afresh is true until the server was asked anew what it can do.
	afresh bool
	// tellsCached is true for one whose usage says what it had cached.
	tellsCached bool
	err         error
	speed       speed
	// limit is for a worker of which nobody says how many slots it has.
	limit limit
	// others are the requests of others. scraping is true while its gauges are read; until
	// muteUntil they are not.
	others    others
	scraping  bool
	muteUntil time.Time
}

// is tells whether a status is this worker's.
func (w *worker) is(s models.WorkerStatus) bool { return s.Name == w.name && s.Model == w.model }

func (w *worker) status(now time.Time, pool, version string) models.WorkerStatus {
	s := models.WorkerStatus{
		Pool: pool, Version: version, Name: w.name, Model: w.model, State: w.state, Due: w.due(now), InFlight: w.inFlight, Slots: w.slots(),
		Others: w.foreign(now), Err: w.err,
	}
	if w.draining {
		s.State = models.StateDraining
	}
	if w.waitUntil.After(now) {
		s.WaitUntil = w.waitUntil
	}
	return s
}

func (w *worker) slots() int {
	return cmp.Or(max(w.conf.Slots, 0), max(w.server.Slots, 0), int(w.limit.slots))
}

// learned tells whether its slots are not known but learned.
func (w *worker) learned() bool { return w.conf.Slots <= 0 && w.server.Slots <= 0 }

func (w *worker) aliveAt() time.Time {
	if n := w.alive.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// usable tells whether the worker may get requests, room or not.
func (w *worker) usable(now time.Time) bool {
	switch w.state {
	case models.StateReady, models.StateDegraded, models.StateNew:
		return !now.Before(w.waitUntil)
	default:
		return false
	}
}

// soon tells whether the worker may get requests after a little patience.
func (w *worker) soon(now time.Time) bool {
	return now.Before(w.waitUntil) && w.waitUntil.Sub(now) <= patience && w.usable(w.waitUntil)
}

// unproven tells whether a probe has yet to reach the worker. One without probes can
// prove itself only by requests.
func (w *worker) unproven() bool { return w.state == models.StateNew && w.conf.Probe != nil }

// due tells whether an open worker's back-off is over and its probes succeed. One whose
// probes fail gets no trial: that would cost somebody a request to learn nothing new.
func (w *worker) due(now time.Time) bool {
	switch w.state {
	case models.StateProbing:
		return true
	case models.StateOpen:
		return w.probeFails == 0 && !now.Before(w.openUntil)
	default:
		return false
	}
}

// tryable tells whether the worker may get one more trial: one at first, then two.
func (w *worker) tryable(now time.Time) bool {
	if w.state == models.StateConfigError {
		return w.trials == 0 && !now.Before(w.waitUntil)
	}
	return w.due(now) && !now.Before(w.waitUntil) && w.trials <= min(w.passed, 1)
}

// weight is the part of its share that the worker gets now.
func (w *worker) weight(now time.Time) float64 {
	weight := 1.0
	if since := now.Sub(w.readyAt); since < rampTime {
		weight = rampStart + (1-rampStart)*float64(since)/float64(rampTime)
	}
	// Slowness alone takes nothing: the policy goes by the speed already, and both
	// together would leave the worker next to nothing.
	if w.state == models.StateDegraded && now.Sub(w.badAt) < healedAfter {
		weight *= degradedWeight
	}
	return weight
}

// candidate is the worker for a policy.
func (w *worker) candidate(now time.Time, elsewhere int) routing.Worker {
	elsewhere = max(elsewhere, 0)
	return routing.Worker{
		ID: w.name, InFlight: w.inFlight + elsewhere + w.foreign(now), Elsewhere: elsewhere, Slots: w.slots(), Weight: w.weight(now),
		Speed: w.speed.rate(), Service: w.speed.service.duration(), PrefillPerToken: w.speed.prefill.duration(),
	}
}

// speed is how fast a worker was of late. Times are counted from the dispatch: with the
// time in the hub's queue an estimate would inflate itself.
type speed struct {
	// service is of whole answers, prefill for each token that was not cached.
	service, prefill mean
	// first is until the first content, usual what that took all workers of the version
	// with as much to compute.
	first, usual mean
}

// rate is how many answers a second one of its slots gives; 0 if that is not known.
func (s *speed) rate() float64 {
	if d := s.service.duration(); d > 0 {
		return 1 / d.Seconds()
	}
	return 0
}

// beside is how many times as long as usual first contents take.
func (s *speed) beside() float64 { return s.first.value / max(s.usual.value, 1) }

// mean is a moving mean of durations, with the last ten or so counting.
type mean struct {
	n     int
	value float64
}

func (m *mean) add(d time.Duration) {
	m.n++
	m.value += (float64(d) - m.value) / float64(min(m.n, 10))
}

func (m *mean) duration() time.Duration { return time.Duration(m.value) }

// window counts good and bad results of the last seconds.
type window struct {
	at        [windowSize]int64
	good, bad [windowSize]int
}

// windowSize is in seconds.
const windowSize = 10

func (w *window) slot(now time.Time) int {
	second := now.Unix()
	i := int(second % windowSize)
	if w.at[i] != second {
		w.at[i], w.good[i], w.bad[i] = second, 0, 0
	}
	return i
}

func (w *window) add(now time.Time, good bool) {
	i := w.slot(now)
	if good {
		w.good[i]++
	} else {
		w.bad[i]++
	}
}

// refund takes back a bad result of the second of at.
func (w *window) refund(at time.Time) {
	if i := int(at.Unix() % windowSize); w.at[i] == at.Unix() && w.bad[i] > 0 {
		w.bad[i]--
	}
}

func (w *window) sum(now time.Time) (good, bad int) {
	for i, second := range w.at {
		if now.Unix()-second < windowSize {
			good += w.good[i]
			bad += w.bad[i]
		}
	}
	return good, bad
}
