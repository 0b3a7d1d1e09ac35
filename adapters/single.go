package adapters

import (
	"context"
	"errors"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Single lets only one node at a time do what must be single.
type Single interface {
	// Hold waits until this node may do what c names. standby is told who does it
	// meanwhile, each time that is looked at; it must not block. It fails where ctx ends,
	// or where nobody can be asked: that is a fault.
	Hold(ctx context.Context, c Claim, standby func(holder string)) (Held, error)
}

// Claim names what must be single: a part of an account, and how many parts are alike.
type Claim struct {
	Account core.Account
	Name    string
	Of      int
}

// Held is what a node may do, for as long as it is valid.
type Held interface {
	Keeper
	// Valid tells whether it may still be done. It looks at the clock by itself: a node
	// that was paused sees it at its first look.
	Valid() bool
	// Done is closed when it is to be let go of: it is lost, or another node is to have it.
	Done() <-chan struct{}
	// Release lets another node do it. Releasing it again is harmless.
	Release(ctx context.Context) error
}

// Keeper keeps a few bytes (at most 64 KiB) for whoever does it next, on whatever node.
type Keeper interface {
	// State is what was saved last.
	State() []byte
	// Save replaces it. It fails, and changes nothing, once it is not valid any more.
	Save(ctx context.Context, state []byte) error
}

// PartReceiver receives in several parts, one for each name in Description.Singles, which
// may run on different nodes. Run receives all of them.
type PartReceiver interface {
	// RunPart is Run for one part. What the part needs to go on elsewhere is kept in keep;
	// nil where this process is the only one and the adapter keeps it by itself.
	RunPart(ctx context.Context, name string, keep Keeper, in Inbox) error
}

var errNotHeld = errors.New("another node receives for this account by now")

// fenced refuses what a receiver brings that may not receive any more.
func fenced(held Held) error {
	if held != nil && !held.Valid() {
		return fault.New(fault.Retryable, "accept", errNotHeld)
	}
	return nil
}
