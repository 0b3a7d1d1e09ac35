package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxName bounds a lease's name, in bytes.
	MaxName = 200
	// MaxState bounds the state it carries, in bytes.
	MaxState = 64 << 10
)

// ErrLost is in the fault of who does something with a lease that is not its own any
// more. It changed nothing.
var ErrLost = errors.New("the lease is lost")

// HeldError is in the fault of a lease that somebody holds.
type HeldError struct {
	// By is the node that holds it.
	By string
	// For is how long it holds it yet if it is not heard of again.
	For time.Duration
}

func (e *HeldError) Error() string { return "held by " + e.By }

// Leases say which node has what only one may have.
type Leases interface {
	// Try takes the lease of a name if nobody has it. It does not wait: where somebody
	// has it, this node included, a *HeldError is in the fault. A name has no braces.
	// Redis that does not answer is Retryable.
	Try(ctx context.Context, name string) (Lease, error)
	// Freed gives a hint each time a lease of this name was given back. Hints may be
	// lost, or come for nothing. stop ends them.
	Freed(name string) (hints <-chan struct{}, stop func())
}

// Lease is held by this node from Try on. It is kept until it is released, or until the
// node cannot keep it: then it is lost, and never comes back.
type Lease interface {
	Name() string
	// Token is larger than that of every lease of this name before it.
	Token() int64
	// Valid tells whether the lease is still this node's. It looks at the clock by
	// itself: a node that was paused sees at its first look that it may be over.
	Valid() bool
	// Lost is closed when the lease is released or lost.
	Lost() <-chan struct{}
	// State is what was saved last, by the holders before or by this one.
	State() []byte
	// Save leaves up to MaxState bytes for the next holder. With ErrLost in the fault
	// nothing was saved. The state of a name that nobody held for a month is forgotten.
	Save(ctx context.Context, state []byte) error
	// Release gives the lease back, and wakes who waits for it. It is lost to this node
	// even on an error: then the others wait until it is over by itself. Releasing what
	// is lost is harmless.
	Release(ctx context.Context) error
}

// CheckName refuses what is no name of a lease, with a Bug fault.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || strings.ContainsAny(name, "{}") {
		return fault.New(fault.Bug, "lease", fmt.Errorf("%q is no name of a lease", name))
	}
	return nil
}

// CheckState refuses a state that is too large, with a Bug fault.
func CheckState(state []byte) error {
	if len(state) > MaxState {
		return fault.New(fault.Bug, "lease", fmt.Errorf("a state of %d bytes is too large", len(state)))
	}
	return nil
}

// Waiting is how Take waits. The zero value is in order.
type Waiting struct {
	// Standby is told who holds the lease, each time somebody was found to.
	Standby func(holder string)
	// Leave gives for how long a lease is left to other nodes before it is tried, each
	// time anew.
	Leave func() time.Duration
}

// Take waits until it has the lease: it tries when a hint comes, and exactly when the
// lease that is held would be over. It ends with ctx, or when trying fails.
func Take(ctx context.Context, leases Leases, name string, w Waiting) (Lease, error) {
	hints, stop := leases.Freed(name)
	defer stop()
	for {
		if w.Leave != nil {
			if err := pause(ctx, nil, w.Leave()); err != nil {
				return nil, err
			}
		}
		lease, err := leases.Try(ctx, name)
		var held *HeldError
		if !errors.As(err, &held) {
			return lease, err
		}
		if w.Standby != nil {
			w.Standby(held.By)
		}
		if err := pause(ctx, hints, max(held.For, time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// pause waits so long, or until woken; it fails where ctx ends first.
func pause(ctx context.Context, woken <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
		return fault.New(fault.Retryable, "wait for a lease", ctx.Err())
	}
	return nil
}
