package redisc

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var (
	reserveScript = limitScript("reserve")
	allowScript   = limitScript("allow")
	obeyScript    = limitScript("obey")
)

// limitScript puts what the scripts of the limits share behind the first line of one,
// which holds the flags.
func limitScript(name string) *redis.Script {
	head, body, _ := strings.Cut(source(name), "\n")
	return redis.NewScript(head + "\n" + source("limits") + body)
}

// Reserve is one round trip.
func (e *Engine) Reserve(ctx context.Context, c cluster.Call) (time.Duration, error) {
	wait, err := e.limit(ctx, "reserve a call", reserveScript, c,
		c.Method, micros(c.OfAccount.Every), burst(c.OfAccount), micros(c.OfChat.Every), burst(c.OfChat),
		micros(cluster.LateAfter), micros(cluster.PlaceKept))
	return time.Duration(wait) * time.Microsecond, err
}

// Allow is one round trip.
func (e *Engine) Allow(ctx context.Context, c cluster.Call) (bool, error) {
	ok, err := e.limit(ctx, "allow a call", allowScript, c,
		c.Method, micros(c.OfAccount.Every), burst(c.OfAccount), micros(c.OfChat.Every), burst(c.OfChat))
	return ok == 1, err
}

// Obey is one round trip.
func (e *Engine) Obey(ctx context.Context, c cluster.Call, scope fault.Scope, wait time.Duration) error {
	w := untoldWait{call: c, scope: scope, until: time.Now().Add(wait)}
	err := e.tell(ctx, w)
	if err != nil {
		e.untold.add(w)
	}
	return err
}

// limit runs a script about a call, behind what is still to be told of its account.
func (e *Engine) limit(ctx context.Context, what string, s *redis.Script, c cluster.Call, args ...any) (int64, error) {
	for _, w := range e.untold.of(c.Account) {
		if err := e.tell(ctx, w); err != nil {
			return 0, err
		}
		e.untold.drop(w)
	}
	answer, err := e.run(ctx, what, s, e.limitKeys(c), args...)
	n, _ := answer.(int64)
	return n, err
}

// tell notes what is left of a wait.
func (e *Engine) tell(ctx context.Context, w untoldWait) error {
	left := time.Until(w.until)
	if left <= 0 {
		return nil
	}
	_, err := e.run(ctx, "note a wait", obeyScript, e.limitKeys(w.call),
		w.call.Method, scopeName(w.scope), micros(left), digest(string(w.call.Chat)), micros(cluster.TogetherWithin))
	return err
}

func (e *Engine) limitKeys(c cluster.Call) []string {
	return []string{accountLimitKey(e.o.Prefix, c.Account), chatLimitKey(e.o.Prefix, c.Account, c.Chat)}
}

func scopeName(s fault.Scope) string {
	switch s {
	case fault.ScopeAccount:
		return "account"
	case fault.ScopeMethod:
		return "method"
	case fault.ScopeChat:
		return "chat"
	case fault.ScopeUnknown:
	}
	return "unknown"
}

// micros rounds up: a call is never made too early.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

func burst(r cluster.Rate) int { return max(r.Burst, 1) }

// untoldWaits are waits that this node was told and Redis was not: until it is, the
// node makes no call of the account. The zero value has none.
type untoldWaits struct {
	mu    sync.Mutex
	waits []untoldWait
}

type untoldWait struct {
	call  cluster.Call
	scope fault.Scope
	until time.Time
}

func (u *untoldWaits) add(w untoldWait) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waits = append(u.waits, w)
}

// of gives the waits of an account, and forgets those that are over.
func (u *untoldWaits) of(a core.Account) (found []untoldWait) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waits) == 0 {
		return nil
	}
	now := time.Now()
	u.waits = slices.DeleteFunc(u.waits, func(w untoldWait) bool { return !w.until.After(now) })
	for _, w := range u.waits {
		if w.call.Account == a {
			found = append(found, w)
		}
	}
	return found
}

func (u *untoldWaits) drop(told untoldWait) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waits = slices.DeleteFunc(u.waits, func(w untoldWait) bool { return w == told })
}
