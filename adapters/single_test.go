package adapters_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// single is what one node may do, for any number of nodes in this process.
type single struct {
	mu      sync.Mutex
	free    map[string]*held
	changed chan struct{}
	fails   error
}

func newSingle() *single {
	return &single{free: map[string]*held{}, changed: make(chan struct{})}
}

// held is what somebody holds.
type held struct {
	of    *single
	name  string
	by    string
	valid atomic.Bool
	end   func()
	done  chan struct{}
}

// as gives the Single of a node.
func (s *single) as(node string) adapters.Single { return singleOf{s, node} }

type singleOf struct {
	*single
	node string
}

func (s singleOf) Hold(ctx context.Context, c adapters.Claim, standby func(string)) (adapters.Held, error) {
	name := string(c.Account) + "/" + c.Name
	for {
		s.mu.Lock()
		by, changed := s.free[name], s.changed
		if s.fails != nil {
			defer s.mu.Unlock()
			return nil, s.fails
		}
		if by == nil {
			h := &held{of: s.single, name: name, by: s.node, done: make(chan struct{})}
			h.valid.Store(true)
			h.end = sync.OnceFunc(func() { close(h.done) })
			s.free[name] = h
			s.mu.Unlock()
			return h, nil
		}
		s.mu.Unlock()
		standby(by.by)
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// holder gives who holds a name; nil for nobody.
func (s *single) holder(name string) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free[name]
}

// lose takes it from its holder, who is told later or never.
func (s *single) lose(h *held) {
	h.valid.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free[h.name] == h {
		delete(s.free, h.name)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (h *held) Valid() bool                        { return h.valid.Load() }
func (h *held) Done() <-chan struct{}              { return h.done }
func (h *held) State() []byte                      { return nil }
func (h *held) Save(context.Context, []byte) error { return nil }
func (h *held) Release(context.Context) error {
	h.end()
	h.of.lose(h)
	return nil
}

// fleet runs a Supervisor for each node, and counts who receives.
type fleet struct {
	t      *testing.T
	single *single
	inside atomic.Int64
}

type member struct {
	*adapters.Supervisor
	stop  func()
	inbox chan adapters.Inbox
}

// poller is a receiver that hands its inbox to the test.
type poller struct {
	adapters.Adapter
	fleet   *fleet
	singles []string
	in      chan adapters.Inbox
	fail    chan error
}

func (p *poller) Describe() adapters.Description {
	d := p.Adapter.Describe()
	d.Singles = p.singles
	return d
}

func (p *poller) Run(ctx context.Context, in adapters.Inbox) error {
	if n := p.fleet.inside.Add(1); n > 1 {
		p.fleet.t.Errorf("%d receive at once", n)
	}
	defer p.fleet.inside.Add(-1)
	adapters.Connected(in)
	select {
	case p.in <- in:
	default: // the test does not look
	}
	select {
	case err := <-p.fail:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (f *fleet) start(node string, fail chan error) *member {
	p := &poller{Adapter: newBot("a"), fleet: f, singles: []string{"receiver"}, in: make(chan adapters.Inbox, 1), fail: fail}
	s := adapters.NewSupervisor(adapters.SupervisorOptions{Adapter: p, Inbox: anyInbox{}, Log: zerolog.Nop(), Single: f.single.as(node)})
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	m := &member{s, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("Run: %v", err)
		}
	}), p.in}
	f.t.Cleanup(m.stop)
	return m
}

func TestOneNodeReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, single: newSingle()}
		a := f.start("node-a", nil)
		synctest.Wait()
		b := f.start("node-b", nil)
		synctest.Wait()
		if h := a.Health(); h.State != adapters.StateHealthy {
			t.Errorf("the receiver: %+v", h)
		}
		if h := b.Health(); h.State != adapters.StateStandby || h.Text != "received by node-a" || !h.Up() {
			t.Errorf("the other: %+v", h)
		}
		a.stop() // given back at once, after Run returned
		synctest.Wait()
		if h := b.Health(); h.State != adapters.StateHealthy || h.Text != "" {
			t.Errorf("after the first ended: %+v", h)
		}
	})
}

// A node that lost it while it stood still stores nothing, even before it is told; and
// ends once it is.
func TestLostReceiverIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, single: newSingle()}
		a := f.start("node-a", nil)
		synctest.Wait()
		in := <-a.inbox
		h := f.single.holder("a/receiver")
		h.valid.Store(false)
		if err := in.Accept(t.Context(), core.Envelope{}); fault.ClassOf(err) != fault.Retryable {
			t.Errorf("it stores: %v", err)
		}
		h.end()
		synctest.Wait()
		if now := f.single.holder("a/receiver"); now == h || now == nil {
			t.Errorf("held by %v", now)
		}
		if err := (<-a.inbox).Accept(t.Context(), core.Envelope{}); err != nil {
			t.Errorf("the next life does not store: %v", err)
		}
	})
}

// A node whose receiver fails for long lets others try, one that heals at once keeps it.
func TestFailingReceiverLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, single: newSingle()}
		fail := make(chan error)
		a := f.start("node-a", fail)
		synctest.Wait()
		b := f.start("node-b", nil)
		synctest.Wait()
		fail <- fault.New(fault.Retryable, "receive", errTest)
		synctest.Wait()
		if h := b.Health(); h.State != adapters.StateStandby {
			t.Errorf("after a short failure: %+v", h)
		}
		elapse(2 * time.Second)
		fail <- fault.New(fault.NeedsHuman, "receive", errTest)
		synctest.Wait()
		if h := b.Health(); h.State != adapters.StateHealthy {
			t.Errorf("after a long failure: %+v", h)
		}
		if h := a.Health(); h.State != adapters.StateNeedsHuman {
			t.Errorf("who failed: %+v", h)
		}
		elapse(2 * time.Minute)
		if h := a.Health(); h.State != adapters.StateStandby {
			t.Errorf("who failed, later: %+v", h)
		}
	})
}

// Nobody who could be asked is a trouble that heals, and no reason to receive.
func TestNobodyCanBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, single: newSingle()}
		f.single.fails = fault.New(fault.Retryable, "take lease", errors.New("cannot reach Redis"))
		a := f.start("node-a", nil)
		elapse(time.Minute)
		if h := a.Health(); h.State != adapters.StateHealing || f.inside.Load() != 0 {
			t.Errorf("%d receive, %+v", f.inside.Load(), h)
		}
		f.single.mu.Lock()
		f.single.fails = nil
		f.single.mu.Unlock()
		elapse(2 * time.Second)
		if h := a.Health(); h.State != adapters.StateHealthy {
			t.Errorf("afterwards: %+v", h)
		}
	})
}

// parted receives in parts, and tells which run.
type parted struct {
	adapters.Adapter
	mu      sync.Mutex
	running []string
	fails   map[string]error
}

func (p *parted) Describe() adapters.Description {
	d := p.Adapter.Describe()
	d.Singles = []string{"one", "two", "three"}
	return d
}

func (p *parted) RunPart(ctx context.Context, name string, keep adapters.Keeper, in adapters.Inbox) error {
	p.mu.Lock()
	p.running = append(p.running, name)
	err := p.fails[name]
	p.mu.Unlock()
	if err != nil {
		return err
	}
	adapters.Connected(in)
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(s string) bool { return s == name })
	return nil
}

// The parts of a receiver run wherever they may, and its health is that of the worst.
func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newSingle()
		other, err := all.as("node-b").Hold(t.Context(), adapters.Claim{Account: "a", Name: "two"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &parted{Adapter: newBot("a"), fails: map[string]error{}}
		s := adapters.NewSupervisor(adapters.SupervisorOptions{
			Adapter: p, Inbox: anyInbox{}, Log: zerolog.Nop(), Single: all.as("node-a"),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		wants := func(what string, state adapters.State, text string, running ...string) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			slices.Sort(p.running)
			if h := s.Health(); h.State != state || h.Text != text || !slices.Equal(p.running, running) {
				t.Errorf("%s: runs %q, %+v", what, p.running, h)
			}
		}
		wants("two of three", adapters.StateHealthy, "two: received by node-b", "one", "three")
		if err := other.Release(t.Context()); err != nil {
			t.Error(err)
		}
		wants("all", adapters.StateHealthy, "", "one", "three", "two")
		p.mu.Lock()
		p.fails["two"] = fault.New(fault.NeedsHuman, "receive", errTest, fault.WithPublic("do something"))
		p.mu.Unlock()
		all.holder("a/two").end()
		wants("one fails", adapters.StateNeedsHuman, "two: do something", "one", "three", "two")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What only the receiver's node can send is sent while it receives, and what is being
// sent when that ends still has the connection.
func TestServesWhileItReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, single: newSingle()}
		var serving atomic.Int64
		start := func(node string) (stop func()) {
			p := &poller{Adapter: newBot("a"), fleet: f, singles: []string{"receiver"}, in: make(chan adapters.Inbox, 1)}
			s := adapters.NewSupervisor(adapters.SupervisorOptions{
				Adapter: p, Inbox: anyInbox{}, Log: zerolog.Nop(), Single: f.single.as(node),
				Serve: func(ctx context.Context) error {
					if n := serving.Add(1); n > 1 {
						t.Errorf("%d serve at once", n)
					}
					defer serving.Add(-1)
					<-ctx.Done()
					elapse(time.Second)
					if f.inside.Load() != 1 {
						t.Error("the receiver ended before what was being sent")
					}
					return nil
				},
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run: %v", err)
				}
			}
		}
		stopA := start("node-a")
		synctest.Wait()
		stopB := start("node-b")
		synctest.Wait()
		for _, stop := range []func(){stopA, stopB} {
			if serving.Load() != 1 || f.inside.Load() != 1 {
				t.Errorf("%d serve, %d receive", serving.Load(), f.inside.Load())
			}
			stop()
			synctest.Wait()
		}
		if serving.Load() != 0 {
			t.Error("it serves though it ended")
		}
	})
}
