package skills

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// The bounds of a Limiter's memory.
const (
	// DefaultMaxPeople is how many people are remembered where LimitOptions has none.
	DefaultMaxPeople = 10_000
	// maxVerdicts is how many turns of one person are remembered: more than one
	// person has running at once.
	maxVerdicts = 8
)

// maxQuiet is the longest that somebody over the limit is left without a second
// notice, unless the limit itself lasts longer.
const maxQuiet = time.Minute

// LimitOptions say how much one person may ask for.
type LimitOptions struct {
	// Burst is how many messages may come at once; 0 means Count.
	Burst int
	// Count messages in Per are allowed on average; 0 in either is no limit.
	Count int
	Per   time.Duration
	// MaxPeople bounds how many people are remembered; those longest silent are
	// forgotten first. 0 means DefaultMaxPeople.
	MaxPeople int
	// MaxText is the longest text in characters; 0 is no limit.
	MaxText int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Limiter holds people to a number of messages in a time, counted over all skills
// that its Middleware wraps, on this node. It is safe for concurrent use.
type Limiter struct {
	options LimitOptions

	mu      sync.Mutex
	people  map[core.PersonID]*list.Element // of *allowance
	recent  *list.List                      // most recently seen in front
	refused uint64
}

// allowance is what one person has left.
type allowance struct {
	person   core.PersonID
	bucket   *rate.Limiter
	quiet    time.Time // until then refusals are silent
	verdicts []verdict // of the last turns, oldest first
}

// verdict is what a turn was told, so that its rerun is told the same for free.
type verdict struct {
	turn    core.EnvelopeID
	outcome outcome
	wait    time.Duration
}

type outcome uint8

const (
	pass outcome = iota
	refuse
	refuseSilently
)

// CallsPerMinute holds each person to the calls that a manifest allows them in a minute, on
// this node.
func CallsPerMinute(m Manifest) Middleware {
	if n := m.Permissions.CallsPerMinute; n > 0 {
		return NewLimiter(LimitOptions{Count: n, Per: time.Minute}).Middleware
	}
	return func(next Handler) Handler { return next }
}

// NewLimiter makes a Limiter.
func NewLimiter(o LimitOptions) *Limiter {
	if o.Burst <= 0 {
		o.Burst = o.Count
	}
	if o.MaxPeople <= 0 {
		o.MaxPeople = DefaultMaxPeople
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Limiter{options: o, people: map[core.PersonID]*list.Element{}, recent: list.New()}
}

// errTooOften is in the fault of a call that is over the person's limit.
var errTooOften = errors.New("over the person's limit")

// Middleware wraps one skill. Somebody over the limit is told once when they may
// go on; what they send until then is not answered, only counted. A rerun of a
// turn costs nothing and is treated as its first run was. A text that is too long
// is answered with how much is allowed. A model's call counts as a message, and fails when it
// is one too many.
func (l *Limiter) Middleware(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) error {
		v := l.judge(t)
		if v.outcome != pass {
			t.Log.Info().Msg("over the person's limit")
			if t.Called != nil { // who calls must know, each time
				return fault.New(fault.Permanent, "call "+t.Called.Tool, errTooOften, fault.WithPublic(l.overLimit("en", v.wait)))
			}
			if v.outcome == refuse {
				w.Reply(core.Text{Text: l.overLimit(t.Envelope.From.Language, v.wait)})
			}
			return nil
		}
		if n := textLength(t); l.options.MaxText > 0 && n > l.options.MaxText {
			if !overheard(t) {
				w.Reply(core.Text{Text: fmt.Sprintf(tooMuchText.In(t.Envelope.From.Language), n, l.options.MaxText)})
			}
			return nil
		}
		return next.Handle(ctx, t, w)
	})
}

// Refused is how many messages were refused because of the limit so far, told and
// untold.
func (l *Limiter) Refused() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// textLength is the length in characters of what the person wrote.
func textLength(t *Turn) int {
	return max(utf8.RuneCountInString(t.Args), utf8.RuneCountInString(t.Envelope.Text()))
}

func (l *Limiter) judge(t *Turn) verdict {
	if l.options.Count <= 0 || l.options.Per <= 0 {
		return verdict{outcome: pass}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.allowance(t.Person)
	for _, v := range a.verdicts {
		if v.turn == t.ID {
			return v
		}
	}
	v := verdict{turn: t.ID, outcome: pass}
	if t.Attempt <= 1 { // else another node, or this one before a restart, has charged it
		v = l.charge(a, t)
	}
	if a.verdicts = append(a.verdicts, v); len(a.verdicts) > maxVerdicts {
		a.verdicts = a.verdicts[1:]
	}
	return v
}

func (l *Limiter) charge(a *allowance, t *Turn) verdict {
	now := l.options.Now()
	v := verdict{turn: t.ID, outcome: pass}
	if a.bucket.AllowN(now, 1) {
		return v
	}
	l.refused++
	r := a.bucket.ReserveN(now, 1)
	v.wait = r.DelayFrom(now)
	r.CancelAt(now)
	v.outcome = refuseSilently
	if !now.Before(a.quiet) && !overheard(t) && t.Called == nil {
		a.quiet = now.Add(max(v.wait, min(l.options.Per, maxQuiet)))
		v.outcome = refuse
	}
	return v
}

// allowance finds the person's or begins one, forgetting the longest silent.
func (l *Limiter) allowance(person core.PersonID) *allowance {
	if e, ok := l.people[person]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*allowance)
	}
	if len(l.people) >= l.options.MaxPeople {
		oldest := l.recent.Back()
		delete(l.people, l.recent.Remove(oldest).(*allowance).person)
	}
	perSecond := rate.Limit(float64(l.options.Count) / l.options.Per.Seconds())
	a := &allowance{person: person, bucket: rate.NewLimiter(perSecond, l.options.Burst)}
	l.people[person] = l.recent.PushFront(a)
	return a
}

func (l *Limiter) overLimit(language string, wait time.Duration) string {
	return fmt.Sprintf(tooManyMessages.In(language), l.options.Count, sayDuration(l.options.Per), sayDuration(wait))
}
