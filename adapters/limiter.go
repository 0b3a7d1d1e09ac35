package adapters

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Method is a kind of call, as far as platforms limit kinds of calls apart.
type Method string

// The kinds of calls.
const (
	MethodSend      Method = "send"
	MethodEdit      Method = "edit"
	MethodDraft     Method = "draft"
	MethodTyping    Method = "typing"
	MethodReconcile Method = "reconcile"
)

const (
	// togetherWithin: two chats of an account that were told to wait this close to
	// each other mean that it is the account that must wait.
	togetherWithin = 10 * time.Second
	// lateAfter is how late a place in line may be taken up. One that is older is
	// given up: many of them at once would be a burst nobody allowed.
	lateAfter = time.Second
	// sweepEvery is how often idle chats are forgotten.
	sweepEvery = time.Minute
)

// Limiter shares out what each account may call, between all that call: finals,
// edits, drafts and typing. It knows two things: the platform's published rates, per
// account and per chat, and what the platform told while running (wait so long), per
// account, chat and method. Its errors are faults; on one nobody knows whether a call
// may be made, and none is made. A LocalLimiter has none.
//
// A final that finds no room is given a place in line and comes back for it, so
// chats of one account go out in the order they asked. A draft is shown now or
// not at all, and leaves some of each burst to the finals.
type Limiter interface {
	// Reserve asks for one call that must be made. On 0 it may be made now and is
	// counted; otherwise ask again after the wait: the place in line is kept. A chat
	// has one place, so only one caller at a time may reserve for it.
	Reserve(ctx context.Context, to core.Conversation, m Method) (time.Duration, error)
	// Allow asks for one call that may as well not be made. When it says true the
	// call is counted. Typing leaves no message and does not count against the chat.
	Allow(ctx context.Context, to core.Conversation, m Method) (bool, error)
	// Obey notes that the platform told to wait. Of a wait whose reach is unknown it
	// is assumed to hold for the chat, and for the account once a second chat of it is
	// told the same shortly after.
	Obey(ctx context.Context, to core.Conversation, m Method, scope fault.Scope, wait time.Duration) error
}

// LocalLimiter is the Limiter of a process that has its accounts for itself: token
// buckets in memory. What it remembers of a chat is forgotten as soon as it says
// nothing any more.
type LocalLimiter struct {
	limits   map[core.Account]Limits
	mu       sync.Mutex
	accounts map[core.Account]*accountLimit
	swept    time.Time
}

type accountLimit struct {
	rates   Limits
	bucket  bucket
	until   time.Time
	methods map[Method]time.Time
	chats   map[core.ChatID]*chatLimit
	// told is the chat that last had to wait without being told why, and when.
	told   core.ChatID
	toldAt time.Time
}

type chatLimit struct {
	bucket bucket
	until  time.Time
	// turn and slot are the times at which the next final of this chat may go, by
	// the chat's own rate and then by the account's; zero when none waits.
	turn, slot time.Time
}

// NewLimiter makes a LocalLimiter for accounts with these limits. An account that is
// not named has none but those its platform tells.
func NewLimiter(limits map[core.Account]Limits) *LocalLimiter {
	return &LocalLimiter{limits: limits, accounts: map[core.Account]*accountLimit{}, swept: time.Now()}
}

// Reserve gives a place in line.
func (l *LocalLimiter) Reserve(_ context.Context, to core.Conversation, m Method) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a, c := l.find(to, now)
	if until := a.blocked(c, m); until.After(now) {
		return until.Sub(now), nil
	}
	if c.turn.IsZero() {
		c.turn = c.bucket.take(now)
	}
	if c.turn.After(now) {
		return c.turn.Sub(now), nil
	}
	if c.slot.IsZero() || now.Sub(c.slot) > lateAfter {
		c.slot = a.bucket.take(now)
	}
	if c.slot.After(now) {
		return c.slot.Sub(now), nil
	}
	c.bucket.used(now)
	a.bucket.used(now)
	c.turn, c.slot = time.Time{}, time.Time{}
	return 0, nil
}

// Allow grants a call out of what the finals leave.
func (l *LocalLimiter) Allow(_ context.Context, to core.Conversation, m Method) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a, c := l.find(to, now)
	counts := m != MethodTyping
	if a.blocked(c, m).After(now) || !a.bucket.spare(now) || counts && !c.bucket.spare(now) {
		return false, nil
	}
	a.bucket.take(now)
	if counts {
		c.bucket.take(now)
	}
	return true, nil
}

// Obey keeps the wait.
func (l *LocalLimiter) Obey(_ context.Context, to core.Conversation, m Method, scope fault.Scope, wait time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	a, c := l.find(to, now)
	until := now.Add(wait)
	switch scope {
	case fault.ScopeAccount:
		a.until = later(a.until, until)
	case fault.ScopeMethod:
		a.methods[m] = later(a.methods[m], until)
	case fault.ScopeChat:
		c.until = later(c.until, until)
	case fault.ScopeUnknown:
		c.until = later(c.until, until)
		if a.told != "" && a.told != to.Chat && now.Sub(a.toldAt) <= togetherWithin {
			a.until = later(a.until, until)
		}
		a.told, a.toldAt = to.Chat, now
	}
	return nil
}

func (l *LocalLimiter) find(to core.Conversation, now time.Time) (*accountLimit, *chatLimit) {
	if now.Sub(l.swept) >= sweepEvery {
		l.sweep(now)
	}
	a, ok := l.accounts[to.Account]
	if !ok {
		rates := l.limits[to.Account]
		a = &accountLimit{
			rates: rates, bucket: newBucket(rates.Account),
			methods: map[Method]time.Time{}, chats: map[core.ChatID]*chatLimit{},
		}
		l.accounts[to.Account] = a
	}
	c, ok := a.chats[to.Chat]
	if !ok {
		rate := a.rates.Chat
		if to.Place == core.Group {
			rate = a.rates.Group
		}
		c = &chatLimit{bucket: newBucket(rate)}
		a.chats[to.Chat] = c
	}
	return a, c
}

// sweep forgets the chats that would be no different if they were made anew.
func (l *LocalLimiter) sweep(now time.Time) {
	l.swept = now
	for _, a := range l.accounts {
		for id, c := range a.chats {
			waiting := later(c.turn, c.slot)
			if !c.until.After(now) && !c.bucket.full.After(now) && now.Sub(waiting) > sweepEvery {
				delete(a.chats, id)
			}
		}
	}
}

// blocked gives the time until which the platform's words forbid a call.
func (a *accountLimit) blocked(c *chatLimit, m Method) time.Time {
	return later(later(a.until, c.until), a.methods[m])
}

// bucket is a token bucket kept as one time: when it will be full again. A zero
// every means no limit.
type bucket struct {
	every time.Duration
	burst int
	full  time.Time
}

func newBucket(r Rate) bucket {
	if r.Count <= 0 || r.Per <= 0 {
		return bucket{}
	}
	return bucket{every: r.Per / time.Duration(r.Count), burst: max(r.Burst, 1)}
}

// take counts one call and gives the time from which it may be made.
func (b *bucket) take(now time.Time) time.Time {
	if b.every == 0 {
		return now
	}
	at := later(now, b.full.Add(-b.every*time.Duration(b.burst-1)))
	b.full = later(now, b.full).Add(b.every)
	return at
}

// used takes in that a call that was counted before is made only now.
func (b *bucket) used(now time.Time) {
	if b.every > 0 {
		b.full = later(b.full, now.Add(b.every))
	}
}

// spare tells whether a call may be made now that leaves a fifth of the burst, and
// at least one call where the burst is more than one, to those that must be made.
func (b *bucket) spare(now time.Time) bool {
	if b.every == 0 {
		return true
	}
	usable := max(b.burst-max(b.burst/5, 1), 1)
	return !b.full.Add(-b.every * time.Duration(usable-1)).After(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
