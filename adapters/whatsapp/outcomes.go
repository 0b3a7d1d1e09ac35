package whatsapp

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/core"
)

const (
	// keptOutcomes bounds the messages and pieces whose outcome is remembered.
	keptOutcomes = 50_000
	// noteMargin is how long after the answer of a send its receipt surely is stored.
	// A status that came earlier is not acknowledged: it may be needed once more.
	noteMargin = 250 * time.Millisecond
	// freshFor is how long after a start statuses of pieces that this process did not
	// send are kept from being acknowledged: a piece of before may be looked up.
	freshFor = time.Minute
	// takeover is how many times the grace a piece waits that a process before this one
	// sent: the platform has been calling in vain meanwhile, and pauses longer each time.
	takeover = 3
	// leastLook and mostLook bound the time between two looks for a status.
	leastLook = 200 * time.Millisecond
	mostLook  = 2 * time.Second
	// unsureFor ends the keeping of statuses of a piece that nobody looks up.
	unsureFor = 10 * time.Minute
)

// delivery is how far a message came. It only moves forward.
type delivery uint8

const (
	deliveryUnknown delivery = iota
	deliverySent
	deliveryFailed
	deliveryDelivered
	deliveryRead
)

var deliveries = map[string]delivery{
	"sent": deliverySent, "failed": deliveryFailed, "delivered": deliveryDelivered, "read": deliveryRead, "played": deliveryRead,
}

// advance gives what a message is after a status; moved is false for a status that is
// old news. A failure is the end, and so is having arrived.
func (d delivery) advance(to delivery) (now delivery, moved bool) {
	if d == deliveryFailed || to <= d {
		return d, false
	}
	return to, true
}

// attempt is what is known of the sending of one piece of a reply.
type attempt struct {
	// doubtAt is when its outcome became unknown, settledAt when it became known; both
	// zero while the call is under way.
	doubtAt, settledAt time.Time
	// proof is the message that a status named, at is when it was sent.
	proof string
	at    time.Time
	trace core.TraceID
	// asked is true when this process sent it or was asked about it, ours when it sent it.
	asked, ours bool
	// done is closed when the call has ended.
	done chan struct{}
}

// outcomes remembers what statuses and answers told of sent messages.
type outcomes struct {
	now     func() time.Time
	grace   time.Duration
	started time.Time

	mu       sync.Mutex
	attempts *recent.Map[string, *attempt]
	messages *recent.Map[string, delivery]
}

func newOutcomes(grace time.Duration, now func() time.Time) *outcomes {
	return &outcomes{
		now: now, grace: grace, started: now(),
		attempts: recent.Of[string, *attempt](keptOutcomes), messages: recent.Of[string, delivery](keptOutcomes),
	}
}

// begin notes that a piece is about to be sent. The caller calls end when the call has
// ended.
func (o *outcomes) begin(key string, trace core.TraceID) (end func(result outcome)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := &attempt{trace: trace, asked: true, ours: true, done: make(chan struct{})}
	o.attempts.Set(key, a)
	return func(result outcome) {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch result {
		case inDoubt:
			a.doubtAt = o.now()
		case settled:
			a.settledAt = o.now()
		case notSent:
			o.attempts.Take(key)
		}
		close(a.done)
	}
}

// outcome is how a call that leaves a message ended.
type outcome uint8

const (
	settled outcome = iota + 1
	inDoubt
	notSent
)

// take notes a status. moved is false for one that tells nothing new.
func (o *outcomes) take(s status, at time.Time) (trace core.TraceID, moved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, _ := o.messages.Get(s.ID)
	is, moved := was.advance(deliveries[s.Status])
	o.messages.Set(s.ID, is)
	if s.Opaque == "" {
		return "", moved
	}
	a, known := o.attempts.Get(s.Opaque)
	if !known {
		a = &attempt{doubtAt: o.now(), done: closed()}
		o.attempts.Set(s.Opaque, a)
	}
	switch {
	case is == deliveryFailed && a.proof == s.ID:
		a.proof = "" // it does not stand
	case is != deliveryFailed && a.proof == "":
		a.proof, a.at = s.ID, at
	}
	return a.trace, moved
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// look tells what is known of a piece in doubt: the message that stands, or when to
// look again for a status; neither means that it was not sent.
func (o *outcomes) look(key string) (message string, at time.Time, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	a, known := o.attempts.Get(key)
	if !known {
		a = &attempt{doubtAt: now, done: closed()}
		o.attempts.Set(key, a)
	}
	a.asked = true
	switch {
	case a.proof != "":
		a.settledAt = now
		return a.proof, a.at, 0
	case a.doubtAt.IsZero(): // asked while the call is under way, or of what was settled
		a.doubtAt = now
	}
	grace := o.grace
	if !a.ours {
		grace *= takeover
	}
	since := now.Sub(a.doubtAt)
	// Often at first: the sooner a proof is used, the less can happen to it.
	return "", time.Time{}, max(min(grace-since, max(since/2, leastLook), mostLook), 0)
}

// spent tells whether the platform may forget a status: nobody will look for it any
// more. It waits a little for calls that are just ending, until ctx ends.
func (o *outcomes) spent(ctx context.Context, key string) bool {
	for {
		wait, done, spent := o.state(key)
		if spent || wait <= 0 && done == nil {
			return spent
		}
		var tick <-chan time.Time
		if wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			tick = timer.C
		}
		select {
		case <-tick:
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
}

// state tells whether a piece is done with, or what to wait for: a time, or the end of
// its call, or (0, nil) for something that takes longer.
func (o *outcomes) state(key string) (wait time.Duration, done <-chan struct{}, spent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	a, known := o.attempts.Get(key)
	switch {
	case !known:
		return 0, nil, true
	case !a.settledAt.IsZero():
		left := noteMargin - now.Sub(a.settledAt)
		return left, nil, left <= 0
	case a.doubtAt.IsZero():
		return 0, a.done, false
	case !a.asked: // another process sent it; this one may be about to take over from it
		return 0, nil, now.Sub(o.started) > freshFor
	default: // it is about to be looked at
		return leastLook / 2, nil, now.Sub(a.doubtAt) > unsureFor
	}
}
