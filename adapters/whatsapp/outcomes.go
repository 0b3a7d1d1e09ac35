package whatsapp

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// outcomeKind are notes of pieces of replies: of their doubt, and of the statuses of each
	// message that went out for them.
	outcomeKind = "outcome"
	// proofLife is how long a status is kept for a piece that nobody asked about, and
	// doubtLife for one that somebody did.
	proofLife = time.Hour
	doubtLife = 24 * time.Hour
	// keptOutcomes bounds the pieces that this process remembers to have sent.
	keptOutcomes = 50_000
	// noteMargin is how long after the answer of a send its receipt surely is stored.
	// A status that came earlier is not forgotten before: it may be needed once more.
	noteMargin = 250 * time.Millisecond
	// takeover is how many times the grace a piece waits that another process sent: where
	// that was the only one, the platform has been calling in vain meanwhile, and pauses
	// longer each time.
	takeover = 3
	// leastLook and mostLook bound the time between two looks for a status.
	leastLook = 200 * time.Millisecond
	mostLook  = 2 * time.Second
)

// The ranks of a message's statuses. Having failed is the end, and so is having arrived.
const (
	rankSent = 1
	rankEnd  = 2
)

var ranks = map[string]int{"sent": rankSent, "failed": rankEnd, "delivered": rankEnd, "read": rankEnd, "played": rankEnd}

// doubtMark is the mark of an outcome that was asked for; all others are of messages.
const doubtMark = ""

// proof is what a status tells of a message.
type proof struct {
	At     time.Time `json:"at"`
	Failed bool      `json:"failed,omitempty"`
}

// attempt is what this process did about one piece of a reply.
type attempt struct {
	trace core.TraceID
	// foreign is true when another process sent it, and this one was asked about it.
	foreign bool
	// doubtAt is when its outcome became unknown, settledAt when it became known; both
	// zero while the call is under way.
	doubtAt, settledAt time.Time
	// done is closed when the call has ended.
	done chan struct{}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// outcomes remembers what statuses and answers told of sent messages. A status comes to any
// node, and the question for it to any other: what may be needed is in the account's memory.
type outcomes struct {
	account core.Account
	memory  adapters.Memory
	now     func() time.Time
	grace   time.Duration

	mu       sync.Mutex
	attempts recent.Map[string, *attempt]
}

func newOutcomes(account core.Account, memory adapters.Memory, grace time.Duration, now func() time.Time) *outcomes {
	return &outcomes{
		account: account, memory: memory, now: now, grace: grace, attempts: recent.Map[string, *attempt]{Most: keptOutcomes},
	}
}

func (o *outcomes) note(key string) core.Note {
	return core.Note{Account: o.account, Kind: outcomeKind, Key: key}
}

// outcome is how a call that leaves a message ended.
type outcome uint8

const (
	settled outcome = iota + 1
	inDoubt
	notSent
)

// begin notes that a piece is about to be sent. The caller calls end when the call has
// ended.
func (o *outcomes) begin(key string, trace core.TraceID) (end func(result outcome)) {
	a := &attempt{trace: trace, done: make(chan struct{})}
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

// take keeps a status, so that the platform may forget it. failed is true for the first news
// of a failure. Calls that are just ending are waited for until hurry.
func (o *outcomes) take(ctx context.Context, hurry <-chan struct{}, s status, at time.Time) (trace core.TraceID, failed bool, err error) {
	if s.ID == "" {
		return "", false, nil
	}
	key, bad := s.Opaque, s.Status == "failed"
	a, known := o.attempts.Get(key)
	if known {
		trace = a.trace
	}
	switch {
	case bad && key == "": // of a template
		key = s.ID
	case !bad && (key == "" || known && o.spent(a, hurry)):
		return trace, false, nil
	}
	value, err := json.Marshal(proof{At: at, Failed: bad})
	if err != nil {
		return trace, false, fault.New(fault.Bug, "status", err)
	}
	_, moved, err := o.memory.Advance(ctx, o.note(key), core.Mark{Name: s.ID, Rank: ranks[s.Status], Value: value}, proofLife)
	return trace, bad && moved, err
}

// spent tells whether nobody will look for a status of a piece: this process knows that it
// stands, and its receipt is stored. It waits a little for calls that are just ending.
func (o *outcomes) spent(a *attempt, hurry <-chan struct{}) bool {
	select {
	case <-a.done:
	case <-hurry:
		return false
	}
	o.mu.Lock()
	at := a.settledAt
	o.mu.Unlock()
	left := noteMargin - o.now().Sub(at)
	if at.IsZero() || left <= 0 {
		return !at.IsZero()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-hurry:
		return false
	}
}

var errOddNote = errors.New("the note of an outcome cannot be read")

// look tells what is known of a piece in doubt: the message that stands, or when to
// look again for a status; neither means that it was not sent, and that what is known of it
// was forgotten for the next try.
func (o *outcomes) look(ctx context.Context, key string) (message string, at time.Time, wait time.Duration, err error) {
	marks, _, err := o.memory.Advance(ctx, o.note(key), core.Mark{Name: doubtMark}, doubtLife)
	if err != nil {
		return "", at, 0, err
	}
	since := time.Duration(0)
	for _, m := range marks {
		if m.Name == doubtMark {
			since = m.Age
			continue
		}
		var p proof
		if json.Unmarshal(m.Value, &p) != nil {
			return "", at, 0, fault.New(fault.Bug, "reconcile", errOddNote)
		}
		if !p.Failed && (message == "" || p.At.Before(at)) {
			message, at = m.Name, p.At
		}
	}
	if message != "" {
		o.settle(key)
		return message, at, 0, nil
	}
	doubtAt, grace := o.doubt(key)
	since = max(since, o.now().Sub(doubtAt))
	if left := grace - since; left > 0 {
		// Often at first: the sooner a proof is used, the less can happen to it.
		return "", at, min(left, max(since/2, leastLook), mostLook), nil
	}
	return "", at, 0, o.memory.Delete(ctx, o.note(key))
}

// doubt is since when this process is in doubt about a piece, and for how long it stays so.
func (o *outcomes) doubt(key string) (at time.Time, grace time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, known := o.attempts.Get(key)
	if !known {
		a = &attempt{foreign: true, done: closed()}
		o.attempts.Set(key, a)
	}
	if a.doubtAt.IsZero() { // asked while the call is under way, or of what was settled
		a.doubtAt = o.now()
	}
	if a.foreign {
		return a.doubtAt, takeover * o.grace
	}
	return a.doubtAt, o.grace
}

// settle takes in that a piece is known to stand.
func (o *outcomes) settle(key string) {
	if a, known := o.attempts.Get(key); known {
		o.mu.Lock()
		defer o.mu.Unlock()
		a.settledAt = o.now()
	}
}
