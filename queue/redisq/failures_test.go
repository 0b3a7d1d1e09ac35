package redisq_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

func item(id string) queue.Item { return queue.Item{ID: id, Body: []byte(id)} }

// works runs a Consume that ends with the test; it must return nil.
func works(t *testing.T, e *redisq.Engine, o queue.ConsumeOptions, h queue.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Consume(ctx, o, h); err != nil {
			t.Errorf("consume %s: %v", o.Box, err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// accepted publishes an item that must be accepted.
func accepted(t *testing.T, e *redisq.Engine, k queue.Key, in queue.Item) {
	t.Helper()
	if out, err := e.Publish(t.Context(), k, in); err != nil || out != queue.Accepted {
		t.Fatalf("publish %s: outcome %d, %v", in.ID, out, err)
	}
}

// refuses publishes an item that must fail as Retryable, so that the platform keeps
// it and comes again.
func refuses(t *testing.T, e *redisq.Engine, in queue.Item) error {
	t.Helper()
	_, err := e.Publish(t.Context(), inbox("refused"), in)
	if fault.ClassOf(err) != fault.Retryable {
		t.Fatalf("publish while Redis fails: %v, want it retryable", err)
	}
	return err
}

// untilAccepted publishes again and again, as a platform does.
func untilAccepted(t *testing.T, e *redisq.Engine, k queue.Key, in queue.Item) {
	t.Helper()
	redistest.WaitFor(t, "published", func() error {
		_, err := e.Publish(t.Context(), k, in)
		if err != nil && fault.ClassOf(err) != fault.Retryable {
			t.Errorf("publish: %v, want it retryable", err)
		}
		return err
	})
}

// drained waits until a box is empty.
func drained(t *testing.T, e *redisq.Engine, box queue.Box) {
	t.Helper()
	redistest.WaitFor(t, "box is empty", func() error {
		s, err := e.Stats(t.Context(), box)
		if err == nil && s.Items > 0 {
			err = fmt.Errorf("stats are %+v", s)
		}
		return err
	})
}

// held is a handler under way: close go on and it commits, with one item out.
type held struct {
	taken chan struct{}
	goOn  chan struct{}
	then  atomic.Int64
}

func newHeld() *held { return &held{taken: make(chan struct{}, 1), goOn: make(chan struct{})} }

func (h *held) handle(_ context.Context, d queue.Delivery) (queue.Commit, error) {
	h.taken <- struct{}{}
	<-h.goOn
	return queue.Commit{
		Done: 1, Append: [][]byte{[]byte(d.Items[0].ID)}, Out: []queue.Outgoing{{Key: lane(d.Key.Owner), Item: item("out " + d.Items[0].ID)}},
		Then: func(time.Duration) { h.then.Add(1) },
	}, nil
}

// survives lets Redis fail while one item waits, and one is held whose handler ends
// in the middle of the failure. Afterwards work must go on by itself: the held one
// is committed once, not handled again, and nothing accepted is lost.
func survives(t *testing.T, e *redisq.Engine, fail, heal func()) {
	t.Helper()
	accepted(t, e, inbox("ann"), item("held"))
	h := newHeld()
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox, Slots: 2}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if d.Items[0].ID == "held" {
			return h.handle(ctx, d)
		}
		return queue.Commit{Done: len(d.Items)}, nil
	})
	<-h.taken
	accepted(t, e, inbox("bob"), queue.Item{ID: "waits", Settle: 50 * time.Millisecond})
	fail()
	refuses(t, e, item("meanwhile"))
	close(h.goOn)
	refuses(t, e, item("meanwhile"))
	heal()
	untilAccepted(t, e, inbox("refused"), item("meanwhile"))
	drained(t, e, queue.Inbox)
	redistest.WaitFor(t, "commit is told of", func() error {
		if n := h.then.Load(); n != 1 {
			return fmt.Errorf("told %d times", n)
		}
		return nil
	})
	// What is carried from one shard to another counts in both until the first knows of it.
	redistest.WaitFor(t, "one item in the outbox", func() error {
		if s, err := e.Stats(t.Context(), queue.Outbox); err != nil || s.Items != 1 {
			return fmt.Errorf("outbox: %+v, %v", s, err) //nolint:errorlint // err may be nil
		}
		return nil
	})
	if s, err := e.Stats(t.Context(), queue.Inbox); err != nil || s.Dead != 0 {
		t.Errorf("inbox: %+v, %v; want nothing dead", s, err)
	}
}

func TestRedisRestarts(t *testing.T) {
	s := redistest.Start(t, "--appendfsync", "always")
	survives(t, open(t, redisq.Options{URL: secret.New(s.URL())}), s.Kill, s.Restart)
}

func TestRedisHangs(t *testing.T) {
	s := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	survives(t, e, func() { s.Signal(syscall.SIGSTOP) }, func() { s.Signal(syscall.SIGCONT) })
}

func TestRedisIsReadOnly(t *testing.T) {
	s := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	survives(t, e, func() { s.Do("REPLICAOF", "127.0.0.1", redistest.FreePort(t)) }, func() { s.Do("REPLICAOF", "NO", "ONE") })
}

func TestClusterNodeRestarts(t *testing.T) {
	nodes := redistest.StartCluster(t, "--appendfsync", "always")
	// ByBox puts the inbox on the first master, the outbox on the second.
	for i, name := range []string{"with the inbox", "with the outbox"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, redisq.ByBox(redisq.Options{URL: secret.New(redistest.ClusterURL(nodes)), Prefix: freshPrefix()}))
			survives(t, e, func() {
				nodes[i].Kill()
				redistest.WaitFor(t, "the others notice", func() error {
					if info, _ := nodes[2].Do("CLUSTER", "INFO").(string); len(info) > 16 && info[:16] != "cluster_state:ok" {
						return nil
					}
					return errors.New("not yet")
				})
			}, nodes[i].Restart)
		})
	}
}

func TestSentinelFailsOver(t *testing.T) {
	s := redistest.StartSentinels(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	survives(t, e, func() {
		s.Master.Do("WAIT", 1, 5000)
		s.Master.Kill()
	}, func() {})
	if role, _ := s.Replica.Do("ROLE").([]any); len(role) == 0 || role[0] != "master" {
		t.Errorf("the replica is %v", role)
	}
}

func TestScriptsAreFlushed(t *testing.T) {
	s := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	const items = 200
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		return queue.Commit{Done: 1, Append: [][]byte{d.Items[0].Body}}, nil
	})
	for i := range items {
		accepted(t, e, inbox(strconv.Itoa(i%20)), item(strconv.Itoa(i)))
		if i%5 == 0 {
			s.Do("SCRIPT", "FLUSH")
		}
	}
	drained(t, e, queue.Inbox)
	if s, err := e.Stats(t.Context(), queue.Inbox); err != nil || s.Dead > 0 {
		t.Errorf("stats: %+v, %v", s, err)
	}
}

// A Redis that is full takes nothing new, but what was accepted can leave, though
// the box it goes to takes room itself.
func TestRedisIsFull(t *testing.T) {
	s := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	s.Do("CONFIG", "SET", "maxmemory", "6mb")
	n := 0
	for ; ; n++ {
		_, err := e.Publish(t.Context(), inbox(strconv.Itoa(n%20)), queue.Item{ID: strconv.Itoa(n), Body: make([]byte, 10_000)})
		if err == nil {
			continue
		}
		if !errors.Is(err, queue.ErrFull) || fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
			t.Fatalf("publish: %v, want a retryable ErrFull of known outcome", err)
		}
		break
	}
	if st, err := e.Stats(t.Context(), queue.Inbox); err != nil || st.Items != n || n < 50 {
		t.Fatalf("%d accepted, stats %+v, %v", n, st, err)
	}
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		return queue.Commit{Done: 1, Out: []queue.Outgoing{{Key: lane("x"), Item: queue.Item{ID: d.Items[0].ID, Body: make([]byte, 10_000)}}}}, nil
	})
	drained(t, e, queue.Inbox)
	if st, err := e.Stats(t.Context(), queue.Outbox); err != nil || st.Items != n {
		t.Errorf("outbox: %+v, %v; want %d items", st, err, n)
	}
	works(t, e, queue.ConsumeOptions{Box: queue.Outbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		return queue.Commit{Done: len(d.Items)}, nil
	})
	drained(t, e, queue.Outbox)
	untilAccepted(t, e, inbox("later"), item("later"))
}

// A password that is changed while the hub runs needs a human: accepts fail, and
// Consume ends and says so.
func TestPasswordChanges(t *testing.T) {
	s := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL())})
	ended := make(chan error, 1)
	go func() {
		ended <- e.Consume(t.Context(), queue.ConsumeOptions{Box: queue.Inbox}, func(context.Context, queue.Delivery) (queue.Commit, error) {
			return queue.Commit{}, nil
		})
	}()
	accepted(t, e, lane("a"), item("a"))
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	admin := c.Conn()
	defer admin.Close()
	for _, command := range [][]any{{"CONFIG", "SET", "requirepass", "new"}, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}} {
		if err := admin.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("Consume ended with %v, want that it needs a human", err)
	}
	// The server may cut the connection before its refusal is read.
	redistest.WaitFor(t, "publish says that it needs a human", func() error {
		_, err := e.Publish(t.Context(), lane("b"), item("b"))
		if fault.ClassOf(err) == fault.NeedsHuman {
			return nil
		}
		return fmt.Errorf("it says %w", err)
	})
}
