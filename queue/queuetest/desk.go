package queuetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/queue"
)

// patience is how long the suite waits for what must happen.
const patience = 30 * time.Second

// shortLease is for leases that must lapse, where the engine asks for none longer.
const shortLease = 100 * time.Millisecond

// forever is a heartbeat that never comes.
const forever = time.Hour

// result is what a handler returns.
type result struct {
	commit queue.Commit
	err    error
}

// call is a handler under way: the test answers for it.
type call struct {
	ctx   context.Context
	d     queue.Delivery
	reply chan result
	// back is closed when the handler returns.
	back chan struct{}
}

func (c *call) commit(k queue.Commit) { c.reply <- result{commit: k} }

func (c *call) done(n int) { c.commit(queue.Commit{Done: n}) }

func (c *call) fail(err error) { c.reply <- result{err: err} }

// first is the id of the first item.
func (c *call) first() string { return c.d.Items[0].ID }

// desk is a running Consume whose handlers ask the test what to do.
type desk struct {
	t      rapid.TB
	calls  chan *call
	cancel context.CancelFunc
	// quit makes handlers return that the test does not answer any more.
	quit  chan struct{}
	once  sync.Once
	ended chan struct{}
	err   error
}

// consume starts a Consume; it is ended with the test at the latest.
func consume(t *testing.T, q queue.Queue, o queue.ConsumeOptions) *desk {
	t.Helper()
	d := startDesk(t, q, o)
	t.Cleanup(d.abandon)
	return d
}

// startDesk starts a Consume that the caller must stop. A short grace is given
// where the options tell none, so that a failed test ends soon.
func startDesk(t rapid.TB, q queue.Queue, o queue.ConsumeOptions) *desk {
	return startWrapped(t, q, o, func(h queue.Handler) queue.Handler { return h })
}

// startWrapped is startDesk with something around the handler.
func startWrapped(t rapid.TB, q queue.Queue, o queue.ConsumeOptions, wrap func(queue.Handler) queue.Handler) *desk {
	if o.Box == "" {
		o.Box = queue.Inbox
	}
	if o.Grace == 0 {
		o.Grace = shortLease
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &desk{t: t, calls: make(chan *call), cancel: cancel, quit: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		d.err = q.Consume(ctx, o, wrap(d.handle))
	}()
	return d
}

// abandon ends the desk, whatever calls are open.
func (d *desk) abandon() {
	d.cancel()
	d.once.Do(func() { close(d.quit) })
	<-d.ended
}

func (d *desk) handle(ctx context.Context, in queue.Delivery) (queue.Commit, error) {
	c := &call{ctx: ctx, d: in, reply: make(chan result, 1), back: make(chan struct{})}
	defer close(c.back)
	select {
	case d.calls <- c:
	case <-ctx.Done():
		return queue.Commit{}, ctx.Err()
	}
	select {
	case r := <-c.reply:
		return r.commit, r.err
	case <-d.quit:
		return queue.Commit{}, context.Canceled
	}
}

// next waits for the next delivery.
func (d *desk) next() *call {
	d.t.Helper()
	select {
	case c := <-d.calls:
		return c
	case <-d.ended:
		d.t.Fatalf("Consume ended early: %v", d.err)
	case <-time.After(patience):
		d.t.Fatalf("no delivery came")
	}
	return nil
}

// expect waits for the next delivery and checks its first item.
func (d *desk) expect(id string) *call {
	d.t.Helper()
	c := d.next()
	if c.first() != id {
		d.t.Fatalf("delivered %q, want %q", c.first(), id)
	}
	return c
}

// stop drains: Consume must return nil. All calls must be answered by then, or
// end with their context.
func (d *desk) stop() {
	d.t.Helper()
	d.cancel()
	select {
	case <-d.ended:
		if d.err != nil {
			d.t.Fatalf("Consume returned %v after a drain, want nil", d.err)
		}
	case <-time.After(patience):
		d.t.Fatalf("Consume does not end")
	}
}

// key is a person's inbox.
func key(owner string) queue.Key {
	return queue.Key{Box: queue.Inbox, Scope: "person", Owner: owner}
}

// lane is a chat's outbox.
func lane(owner string) queue.Key {
	return queue.Key{Box: queue.Outbox, Scope: "chat", Account: "account", Owner: owner}
}

// item is an item whose body can be checked.
func item(id string) queue.Item { return queue.Item{ID: id, Body: []byte("body of " + id)} }

// publish stores items that must be accepted.
func publish(t rapid.TB, q queue.Queue, k queue.Key, items ...queue.Item) {
	t.Helper()
	for _, in := range items {
		out, err := q.Publish(context.Background(), k, in)
		if err != nil || out != queue.Accepted {
			t.Fatalf("publish %s: outcome %d, %v; want it accepted", in.ID, out, err)
		}
	}
}

// stats reads the stats of a box.
func stats(t rapid.TB, q queue.Queue, box queue.Box) queue.Stats {
	t.Helper()
	s, err := q.Stats(context.Background(), box)
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	return s
}

// until waits until the stats of a box are as wanted.
func until(t rapid.TB, q queue.Queue, box queue.Box, what string, ok func(queue.Stats) bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		s := stats(t, q, box)
		if ok(s) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not so in time, stats are %+v", what, s)
		}
	}
}

// empty waits until nothing waits in a box.
func empty(t rapid.TB, q queue.Queue, box queue.Box) {
	t.Helper()
	until(t, q, box, "box is empty", func(s queue.Stats) bool { return s.Items == 0 && s.Leased == 0 })
}

// ended waits for the end of a handler's context.
func ended(ctx context.Context, t rapid.TB) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(patience):
		t.Fatalf("the handler's context does not end")
	}
}
