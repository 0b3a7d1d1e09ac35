package app

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// gate is the inbox as adapters see it: shut as soon as the hub stops, so that
// platforms keep what comes then for the next process.
type gate struct {
	inbox  adapters.Inbox
	closed atomic.Bool
}

var errStopping = errors.New("the hub is stopping")

// Accept passes the envelope on while the gate is open.
func (g *gate) Accept(ctx context.Context, e core.Envelope) error {
	if g.closed.Load() {
		return fault.New(fault.Retryable, "accept", errStopping)
	}
	return g.inbox.Accept(ctx, e)
}

func (g *gate) shut() { g.closed.Store(true) }
