package adapters_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// TestLocalLimiter: a hub alone keeps the rule that nodes keep together.
func TestLocalLimiter(t *testing.T) {
	clustertest.Limits(t, func(t *testing.T, f func(*testing.T, clustertest.LimitsWorld)) {
		synctest.Test(t, func(t *testing.T) {
			f(t, clustertest.LimitsWorld{Limits: &local{}, Now: time.Now, Elapse: elapse})
		})
	})
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
