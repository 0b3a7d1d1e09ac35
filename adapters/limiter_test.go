package adapters_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// TestLocalLimiter: a hub alone keeps the rule that nodes keep together.
func TestLocalLimiter(t *testing.T) {
	clustertest.Limits(t, func(t *testing.T, f func(*testing.T, clustertest.LimitsWorld)) {
		synctest.Test(t, func(t *testing.T) {
			f(t, clustertest.LimitsWorld{Limits: &local{}, Now: time.Now, Elapse: elapse})
		})
	})
}

// TestNobodyKnowsTheLimits: while nobody can tell what may be called nothing is. The
// reply waits, which is no failed attempt, and drafts are left out.
func TestNobodyKnowsTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b, away := newLanes(), newBot("a"), &unknown{}
		away.away.Store(true)
		h := deliver(t, q, adapters.DelivererOptions{MaxAttempts: 2, Limiter: away}, b)
		publish(t, q, reply(private("a", "1"), "x.0", "one"))
		h.Draft(draft(private("a", "2"), "y.0", 1, "grows"))
		h.Draft(draft(private("a", "3"), "z.0", 1, ""))
		elapse(time.Minute)
		if calls := b.did(); len(calls) > 0 || q.failed > 0 || len(q.buried()) > 0 {
			t.Errorf("calls %q, %d failed attempts, buried %v", calls, q.failed, q.buried())
		}
		away.away.Store(false)
		q.settled(t, queue.Lane(private("a", "1")))
		elapse(5 * time.Second)
		same(t, "chat", b.stands("1"), []string{"one"})
		if !slices.Contains(b.did(), "draft 2 grows") || !slices.Contains(b.did(), "typing 3") {
			t.Errorf("drafts did not go on: %q", b.did())
		}
	})
}

// unknown is limits that nobody can tell while they are away.
type unknown struct{ away atomic.Bool }

func (u *unknown) err() error {
	if u.away.Load() {
		return fault.New(fault.Retryable, "limits", errTest)
	}
	return nil
}

func (u *unknown) Reserve(context.Context, core.Conversation, adapters.Method) (time.Duration, error) {
	return 0, u.err()
}

func (u *unknown) Allow(context.Context, core.Conversation, adapters.Method) (bool, error) {
	return true, u.err()
}

func (u *unknown) Obey(context.Context, core.Conversation, adapters.Method, fault.Scope, time.Duration) error {
	return u.err()
}

// local asks a LocalLimiter as nodes ask each other. With other rates it begins anew,
// since a LocalLimiter is made for its rates.
type local struct {
	*adapters.LocalLimiter
	account, chat cluster.Rate
}

func (l *local) of(c cluster.Call) (*adapters.LocalLimiter, core.Conversation) {
	if l.LocalLimiter == nil || l.account != c.OfAccount || l.chat != c.OfChat {
		l.account, l.chat = c.OfAccount, c.OfChat
		limits := adapters.Limits{Account: rate(c.OfAccount), Chat: rate(c.OfChat)}
		l.LocalLimiter = adapters.NewLimiter(map[core.Account]adapters.Limits{"a": limits, "b": limits})
	}
	return l.LocalLimiter, private(c.Account, c.Chat)
}

func rate(r cluster.Rate) adapters.Rate {
	if r.Every == 0 {
		return adapters.Rate{}
	}
	return adapters.Rate{Count: 1, Per: r.Every, Burst: r.Burst}
}

func (l *local) Reserve(ctx context.Context, c cluster.Call) (time.Duration, error) {
	limiter, to := l.of(c)
	return limiter.Reserve(ctx, to, adapters.Method(c.Method))
}

func (l *local) Allow(ctx context.Context, c cluster.Call) (bool, error) {
	limiter, to := l.of(c)
	return limiter.Allow(ctx, to, adapters.Method(c.Method))
}

func (l *local) Obey(ctx context.Context, c cluster.Call, scope fault.Scope, wait time.Duration) error {
	limiter, to := l.of(c)
	return limiter.Obey(ctx, to, adapters.Method(c.Method), scope, wait)
}
