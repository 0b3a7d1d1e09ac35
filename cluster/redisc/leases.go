package redisc

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// defaultLease is how long a lease is held without a beat. With it another node has
	// what a dead one had in a little more than three seconds.
	defaultLease = 3 * time.Second
	// keptFor is how long the state of a name stays that nobody holds.
	keptFor = 30 * 24 * time.Hour
	// releaseWithin bounds the giving back of leases when the engine is closed.
	releaseWithin = time.Second
)

var (
	leaseAcquireScript = script("lease-acquire")
	leaseKeepScript    = script("lease-keep")
	leaseSaveScript    = script("lease-save")
	leaseReleaseScript = script("lease-release")
)

var errClosed = errors.New("the cluster is closed")

// leases is what an engine keeps of leases.
type leases struct {
	e    *Engine
	node string
	// life is the context of beats and hints; end ends it.
	life  context.Context //nolint:containedctx // ends with Close
	end   context.CancelFunc
	tasks sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	held    map[*lease]struct{}
	waiters map[chan struct{}]string
	hears   bool
	// unbeaten ends the beating of every lease, in tests.
	unbeaten atomic.Bool
}

var _ cluster.Leases = (*Engine)(nil)

func newLeases(e *Engine, node string) *leases {
	l := &leases{e: e, node: node, held: map[*lease]struct{}{}, waiters: map[chan struct{}]string{}}
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

// giveBack ends the leases: what is held is given back, as far as Redis answers at once.
func (l *leases) giveBack() {
	l.mu.Lock()
	l.closed = true
	var all []*lease
	for one := range l.held {
		all = append(all, one)
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
	defer cancel()
	var group sync.WaitGroup
	for _, one := range all {
		group.Go(func() {
			if err := one.Release(ctx); err != nil {
				l.e.log.Debug().Err(err).Str("lease", one.name).Msg("not given back; it ends by itself")
			}
		})
	}
	group.Wait()
	l.end()
	l.tasks.Wait()
}

// Try implements cluster.Leases.
func (l *leases) Try(ctx context.Context, name string) (cluster.Lease, error) {
	if err := cluster.CheckName(name); err != nil {
		return nil, err
	}
	one := &lease{
		of: l, name: name, lost: make(chan struct{}),
		keys: []string{leaseKey(l.e.o.Prefix, name), keptKey(l.e.o.Prefix, name)},
	}
	sent := time.Now()
	answer, err := l.e.run(ctx, "take lease", leaseAcquireScript, one.keys,
		l.node+" "+rand.Text(), l.node, l.e.o.Lease.Milliseconds(), keptFor.Milliseconds())
	if err != nil {
		return nil, err
	}
	parts, _ := answer.([]any)
	switch {
	case len(parts) == 3 && parts[0] == "":
		by, _ := parts[1].(string)
		left, _ := parts[2].(int64)
		return nil, fault.New(fault.Retryable, "take lease", &cluster.HeldError{By: by, For: time.Duration(left+1) * time.Millisecond})
	case len(parts) == 2:
		one.text, _ = parts[0].(string)
		state, _ := parts[1].(string)
		one.state = []byte(state)
	}
	if one.token, err = strconv.ParseInt(one.text, 10, 64); err != nil {
		return nil, fault.New(fault.Retryable, "take lease", fmt.Errorf("unknown answer %v", answer))
	}
	one.until = sent.Add(l.e.o.Lease)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fault.New(fault.Retryable, "take lease", errClosed) // it ends by itself
	}
	l.held[one] = struct{}{}
	l.tasks.Go(one.beat)
	return one, nil
}

// Freed implements cluster.Leases.
func (l *leases) Freed(name string) (<-chan struct{}, func()) {
	hint := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters[hint] = name
	if !l.hears && !l.closed {
		l.hears = true
		l.tasks.Go(l.hear)
	}
	return hint, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiters, hint)
	}
}

// hear passes hints on, from the first that anybody waits for to the engine's end. The
// client connects anew by itself.
func (l *leases) hear() {
	heard := l.e.rdb.Subscribe(l.life, freedChannel(l.e.o.Prefix))
	defer func() { _ = heard.Close() }() // it fails only where it is closed
	messages := heard.Channel()
	for {
		select {
		case <-l.life.Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			l.hint(m)
		}
	}
}

func (l *leases) hint(m *redis.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hint, name := range l.waiters {
		if name == m.Payload {
			select {
			case hint <- struct{}{}:
			default:
			}
		}
	}
}

// lease implements cluster.Lease.
type lease struct {
	of    *leases
	name  string
	keys  []string
	token int64
	text  string // the token as Redis has it
	lost  chan struct{}

	mu sync.Mutex
	// until is when the lease may be over: its length after the last call that held it
	// was sent. The server counts from when it got that call, which is later.
	until time.Time
	over  bool
	state []byte
}

func (l *lease) Name() string          { return l.name }
func (l *lease) Token() int64          { return l.token }
func (l *lease) Lost() <-chan struct{} { return l.lost }

// Valid looks at the clock before anybody else could have.
func (l *lease) Valid() bool {
	l.mu.Lock()
	valid := !l.over && time.Now().Before(l.until)
	l.mu.Unlock()
	if !valid {
		l.lose()
	}
	return valid
}

// lose ends the lease for this node.
func (l *lease) lose() {
	l.mu.Lock()
	over := l.over
	l.over = true
	l.mu.Unlock()
	if over {
		return
	}
	l.of.mu.Lock()
	delete(l.of.held, l)
	l.of.mu.Unlock()
	close(l.lost)
}

// left is how long the lease is held for certain.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}

// beat keeps the lease, every third of its length, until it is lost. A beat that fails is
// repeated sooner.
func (l *lease) beat() {
	length := l.of.e.o.Lease
	wait := length / 3
	for {
		timer := time.NewTimer(min(wait, max(l.left(), 0)))
		select {
		case <-timer.C:
		case <-l.lost:
			timer.Stop()
			return
		}
		if !l.Valid() {
			l.of.e.log.Warn().Str("lease", l.name).Msg("lease is lost: Redis was not reached in time, or this node stood still")
			return
		}
		if l.of.unbeaten.Load() {
			continue
		}
		wait = length / 3
		switch held, err := l.keep(); {
		case err != nil:
			wait = length / 10
			l.of.e.log.Debug().Err(err).Str("lease", l.name).Msg("a beat failed")
		case !held:
			l.lose()
			l.of.e.log.Warn().Str("lease", l.name).Msg("lease is lost: Redis does not know it any more")
			return
		}
	}
}

// keep is one beat.
func (l *lease) keep() (held bool, err error) {
	ctx, cancel := context.WithTimeout(l.of.life, max(l.left(), time.Millisecond))
	defer cancel()
	sent := time.Now()
	answer, err := l.of.e.run(ctx, "keep lease", leaseKeepScript, l.keys, l.text, l.of.e.o.Lease.Milliseconds(), keptFor.Milliseconds())
	if err != nil || answer != int64(1) {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = sent.Add(l.of.e.o.Lease)
	return true, nil
}

func (l *lease) State() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.state)
}

func (l *lease) Save(ctx context.Context, state []byte) error {
	if err := cluster.CheckState(state); err != nil {
		return err
	}
	if !l.Valid() {
		return fault.New(fault.Retryable, "save state", cluster.ErrLost)
	}
	answer, err := l.of.e.run(ctx, "save state", leaseSaveScript, l.keys, l.text, state)
	if err != nil {
		return err
	}
	if answer != int64(1) {
		l.lose()
		return fault.New(fault.Retryable, "save state", cluster.ErrLost)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = bytes.Clone(state)
	return nil
}

func (l *lease) Release(ctx context.Context) error {
	l.mu.Lock()
	over := l.over
	l.mu.Unlock()
	if over {
		return nil
	}
	l.lose()
	_, err := l.of.e.run(ctx, "release lease", leaseReleaseScript, l.keys[:1], l.text, freedChannel(l.of.e.o.Prefix), l.name)
	return err
}
