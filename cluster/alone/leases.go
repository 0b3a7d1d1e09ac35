package alone

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// askAgain is told of a lease that is held: hints are not lost here.
const askAgain = time.Minute

// leases are held until they are released: who holds them and who waits live and die
// together.
type leases struct{ s *leaseState }

type leaseState struct {
	mu     sync.Mutex
	names  map[string]*named
	waiter map[chan struct{}]string
}

// named is what is kept of a name.
type named struct {
	holder *lease
	token  int64
	state  []byte
}

var _ cluster.Leases = (*Engine)(nil)

func newLeases() leases {
	return leases{&leaseState{names: map[string]*named{}, waiter: map[chan struct{}]string{}}}
}

// Try implements cluster.Leases.
func (l leases) Try(ctx context.Context, name string) (cluster.Lease, error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.New(fault.Retryable, "take lease", err)
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	n := l.s.names[name]
	if n == nil {
		n = &named{}
		l.s.names[name] = n
	}
	if n.holder != nil {
		return nil, fault.New(fault.Retryable, "take lease", &cluster.HeldError{By: thisNode, For: askAgain})
	}
	n.token++
	n.holder = &lease{of: l.s, name: name, token: n.token, lost: make(chan struct{})}
	return n.holder, nil
}

// Freed implements cluster.Leases.
func (l leases) Freed(name string) (<-chan struct{}, func()) {
	hint := make(chan struct{}, 1)
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.waiter[hint] = name
	return hint, func() {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		delete(l.s.waiter, hint)
	}
}

// lease implements cluster.Lease.
type lease struct {
	of    *leaseState
	name  string
	token int64
	lost  chan struct{}
}

func (l *lease) Name() string          { return l.name }
func (l *lease) Token() int64          { return l.token }
func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Valid() bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return l.of.names[l.name].holder == l
}

func (l *lease) State() []byte {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return bytes.Clone(l.of.names[l.name].state)
}

func (l *lease) Save(_ context.Context, state []byte) error {
	if err := cluster.CheckState(state); err != nil {
		return err
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	n := l.of.names[l.name]
	if n.holder != l {
		return fault.New(fault.Retryable, "save state", cluster.ErrLost)
	}
	n.state = bytes.Clone(state)
	return nil
}

func (l *lease) Release(context.Context) error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	n := l.of.names[l.name]
	if n.holder != l {
		return nil
	}
	n.holder = nil
	close(l.lost)
	for hint, name := range l.of.waiter {
		if name == l.name {
			select {
			case hint <- struct{}{}:
			default:
			}
		}
	}
	return nil
}
