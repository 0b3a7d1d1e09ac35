package handover_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/test/redistest"
)

// lease is short, for tests that wait until it is over.
const lease = time.Second

// mailbox is the inbox of all nodes. As the queue does, it knows an id again.
type mailbox struct {
	mu    sync.Mutex
	known map[core.EnvelopeID]bool
	said  map[core.ChatID][]string
	n     int
}

func newMailbox() *mailbox {
	return &mailbox{known: map[core.EnvelopeID]bool{}, said: map[core.ChatID][]string{}}
}

func (m *mailbox) Accept(_ context.Context, e core.Envelope) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Kind == core.KindMessage && !m.known[e.ID] {
		m.known[e.ID] = true
		m.said[e.In.Chat] = append(m.said[e.In.Chat], e.Text())
		m.n++
	}
	return nil
}

func (m *mailbox) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// node is one process: its own way to Redis, its own adapter, its own supervisor.
type node struct {
	t       *testing.T
	name    string
	proxy   *redistest.Proxy
	engine  *redisc.Engine
	singles *cluster.Singles
	*adapters.Supervisor
	stop func()
}

// start starts a node.
func start(t *testing.T, name string, redis *redistest.Server, adapter adapters.Adapter, in adapters.Inbox) *node {
	t.Helper()
	n := &node{t: t, name: name, proxy: redistest.StartProxy(t, redis.Addr())}
	var err error
	n.engine, err = redisc.Open(t.Context(), redisc.Options{
		URL: secret.New("redis://" + n.proxy.Addr()), Node: name, Lease: lease, Timeout: lease / 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.singles = cluster.NewSingles(n.engine, n.engine.Node())
	n.Supervisor = adapters.NewSupervisor(adapters.SupervisorOptions{
		Adapter: adapter, Inbox: in, Log: zerolog.Nop(), Single: app.Single(n.singles),
		Backoff: func(int) time.Duration { return 10 * time.Millisecond },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var works sync.WaitGroup
	works.Go(func() { _ = n.Run(ctx) })
	works.Go(func() {
		err := cluster.Attend(ctx, cluster.Attendance{
			Members: n.engine, Saw: n.singles.Saw, Log: zerolog.Nop(),
			About: func() cluster.Member { return cluster.Member{Holds: n.singles.Holds()} },
		})
		if err != nil {
			t.Error(err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		works.Wait()
		_ = n.engine.Close() // a node that was cut off cannot give back
	})
	t.Cleanup(n.stop)
	return n
}

// holds is how many it holds.
func (n *node) holds() int { return len(n.singles.Holds()) }

// platform is an account on a simulator.
type platform struct {
	// adapter makes the account's adapter, for a node of its own.
	adapter func(t *testing.T) adapters.Adapter
	// chats says in how many chats people write; say writes in one.
	chats int
	say   func(chat int, text string)
	// singles is how many there are.
	singles int
}

// talk has people write while nodes come and go: most messages are under way at once.
type talk struct {
	t    *testing.T
	p    platform
	in   *mailbox
	said int
}

// say writes n messages, at most a few ahead of what was stored.
func (k *talk) say(n int) {
	for range n {
		k.p.say(k.said%k.p.chats, fmt.Sprint(k.said/k.p.chats))
		k.said++
	}
}

// stored waits until all that was said is stored.
func (k *talk) stored() {
	k.t.Helper()
	redistest.WaitFor(k.t, "all that was said is stored", func() error {
		if n := k.in.count(); n != k.said {
			return fmt.Errorf("%d of %d", n, k.said)
		}
		return nil
	})
}

// check: each chat's messages are there once, in order.
func (k *talk) check() {
	k.t.Helper()
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	for chat, got := range k.in.said {
		var want []string
		for i := range len(got) {
			want = append(want, fmt.Sprint(i))
		}
		if !slices.Equal(got, want) {
			k.t.Errorf("chat %s: stored %q", chat, got)
		}
	}
}

// handOver has two nodes work, and ends the one that holds most again and again: by a stop,
// and by cutting it off from Redis, which it cannot tell from a long sleep.
func handOver(t *testing.T, open func(t *testing.T) platform) {
	t.Helper()
	for how, end := range map[string]func(*node){
		"stopped": func(n *node) { n.stop() },
		"cut off": func(n *node) { n.proxy.Refuse() },
	} {
		t.Run(how, func(t *testing.T) {
			p, redis := open(t), redistest.Start(t)
			k := &talk{t: t, p: p, in: newMailbox()}
			nodes := []*node{start(t, "n0", redis, p.adapter(t), k.in), start(t, "n1", redis, p.adapter(t), k.in)}
			for turn := range 4 {
				redistest.WaitFor(t, "everything is held, and well", func() error {
					if held := nodes[0].holds() + nodes[1].holds(); held != p.singles {
						return fmt.Errorf("%d of %d are held", held, p.singles)
					}
					for _, n := range nodes {
						if h := n.Health(); !h.Up() {
							return fmt.Errorf("%s: %+v", n.name, h)
						}
					}
					return nil
				})
				k.say(30)
				slices.SortFunc(nodes, func(x, y *node) int { return y.holds() - x.holds() })
				end(nodes[0])
				k.say(30)
				nodes[0].standsBack(how)
				nodes[0].stop()
				k.stored()
				nodes[0] = start(t, fmt.Sprint("n", turn+2), redis, p.adapter(t), k.in)
			}
			k.check()
		})
	}
}

// standsBack waits until a node knows that it holds nothing more.
func (n *node) standsBack(how string) {
	n.t.Helper()
	redistest.WaitFor(n.t, how+": it lets go", func() error {
		if n.holds() > 0 {
			return errors.New("it holds on")
		}
		return nil
	})
}
