package app

import (
	"context"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// limits lets a deliverer ask the limits that all nodes share, by the rates that the
// adapters describe.
type limits struct {
	shared cluster.Limits
	rates  map[core.Account]adapters.Limits
}

func newLimits(shared cluster.Limits, all map[core.Account]adapters.Adapter) limits {
	l := limits{shared: shared, rates: map[core.Account]adapters.Limits{}}
	for account, a := range all {
		l.rates[account] = a.Describe().Capabilities.Limits
	}
	return l
}

// Reserve implements adapters.Limiter.
func (l limits) Reserve(ctx context.Context, to core.Conversation, m adapters.Method) (time.Duration, error) {
	return l.shared.Reserve(ctx, l.call(to, m))
}

// Allow implements adapters.Limiter.
func (l limits) Allow(ctx context.Context, to core.Conversation, m adapters.Method) (bool, error) {
	c := l.call(to, m)
	if m == adapters.MethodTyping {
		c.OfChat = cluster.Rate{} // it leaves no message
	}
	return l.shared.Allow(ctx, c)
}

// Obey implements adapters.Limiter.
func (l limits) Obey(ctx context.Context, to core.Conversation, m adapters.Method, scope fault.Scope, wait time.Duration) error {
	return l.shared.Obey(ctx, l.call(to, m), scope, wait)
}

func (l limits) call(to core.Conversation, m adapters.Method) cluster.Call {
	rates := l.rates[to.Account]
	ofChat := rates.Chat
	if to.Place == core.Group {
		ofChat = rates.Group
	}
	return cluster.Call{Account: to.Account, Chat: to.Chat, Method: string(m), OfAccount: shared(rates.Account), OfChat: shared(ofChat)}
}

// shared is a rate as nodes speak of it.
func shared(r adapters.Rate) cluster.Rate {
	if r.Count <= 0 || r.Per <= 0 {
		return cluster.Rate{}
	}
	return cluster.Rate{Every: r.Per / time.Duration(r.Count), Burst: max(r.Burst, 1)}
}
