package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func outcome(t *testing.T, q queue.Queue, k queue.Key, in queue.Item, want queue.Outcome) {
	t.Helper()
	got, err := q.Publish(t.Context(), k, in)
	if err != nil || got != want {
		t.Fatalf("publish %s: outcome %d, %v; want %d", in.ID, got, err, want)
	}
}

func refused(t *testing.T, q queue.Queue, k queue.Key, in queue.Item) {
	t.Helper()
	_, err := q.Publish(t.Context(), k, in)
	if !errors.Is(err, queue.ErrBusy) || fault.ClassOf(err) != fault.Retryable {
		t.Fatalf("publish %s: %v; want a retryable ErrBusy", in.ID, err)
	}
}

func testAccept(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	outcome(t, q, key("ann"), item("a"), queue.Accepted)
	outcome(t, q, key("ann"), item("a"), queue.Duplicate)
	outcome(t, q, key("bob"), item("a"), queue.Duplicate)
	outcome(t, q, lane("ann"), item("a"), queue.Accepted)
	c := consume(t, q, queue.ConsumeOptions{})
	got := c.expect("a")
	if string(got.d.Items[0].Body) != "body of a" || got.d.Key != key("ann") || got.d.Attempt != 1 || got.d.Since.IsZero() {
		t.Fatalf("delivery is %+v", got.d)
	}
	got.done(1)
	empty(t, q, queue.Inbox)
	outcome(t, q, key("ann"), item("a"), queue.Duplicate)
	if s := stats(t, q, queue.Inbox); s.Items != 0 {
		t.Fatalf("a duplicate of a handled item was stored: %+v", s)
	}
}

func testAcceptConcurrently(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	const publishers, ids = 8, 10
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for i := range ids {
				out, err := q.Publish(context.Background(), key("ann"), item(fmt.Sprint(i)))
				if err != nil {
					t.Errorf("publish: %v", err)
				}
				if out == queue.Accepted {
					accepted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if s := stats(t, q, queue.Inbox); accepted.Load() != ids || s.Items != ids {
		t.Fatalf("%d accepted and %d stored of %d ids", accepted.Load(), s.Items, ids)
	}
}

func testBusyMailbox(t *testing.T, h Harness) {
	if h.Features.ManyLines {
		return
	}
	q := h.Open(t, Bounds{MaxPerKey: 2})
	publish(t, q, key("ann"), item("a1"), item("a2"))
	refused(t, q, key("ann"), item("a3"))
	outcome(t, q, key("ann"), item("a1"), queue.Duplicate)
	publish(t, q, key("bob"), item("b1"))
	if s := stats(t, q, queue.Inbox); s.Items != 3 {
		t.Fatalf("%d items, want 3", s.Items)
	}
	// What was accepted must be able to leave, past the bound.
	c := consume(t, q, queue.ConsumeOptions{Slots: 1, Turns: 10})
	c.expect("a1").commit(queue.Commit{Done: 1, Out: []queue.Outgoing{
		{Key: lane("ann"), Item: item("o1")}, {Key: lane("ann"), Item: item("o2")}, {Key: lane("ann"), Item: item("o3")},
	}})
	next := c.next()
	if s := stats(t, q, queue.Outbox); s.Items != 3 {
		t.Fatalf("%d items went out, want 3", s.Items)
	}
	publish(t, q, key("ann"), item("a3"))
	next.done(1)
}

func testBusyEngine(t *testing.T, h Harness) {
	if !h.Features.ExactTotal {
		return
	}
	q := h.Open(t, Bounds{MaxItems: 3})
	publish(t, q, key("ann"), item("a"))
	publish(t, q, key("bob"), item("b"))
	publish(t, q, lane("ann"), item("c"))
	refused(t, q, key("eve"), item("d"))
	outcome(t, q, key("ann"), item("a"), queue.Duplicate)
	c := consume(t, q, queue.ConsumeOptions{Slots: 1})
	c.next().done(1)
	c.next().done(1)
	empty(t, q, queue.Inbox)
	publish(t, q, key("eve"), item("d"), item("e"))
	refused(t, q, key("eve"), item("f"))
}

func testClose(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a"))
	c := startDesk(t, q, queue.ConsumeOptions{})
	held := c.expect("a")
	if err := q.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	ended(held.ctx, t)
	if err := held.d.SetNote(context.Background(), []byte("late")); err == nil {
		t.Error("SetNote succeeded after Close")
	}
	held.done(1)
	<-c.ended
	if !errors.Is(c.err, queue.ErrClosed) {
		t.Errorf("Consume returned %v, want ErrClosed", c.err)
	}
	c.cancel()
	if err := q.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	_, publishErr := q.Publish(t.Context(), key("ann"), item("b"))
	_, statsErr := q.Stats(t.Context(), queue.Inbox)
	_, listErr := q.DeadLetters().List(t.Context(), queue.Inbox, 0, 1)
	for what, err := range map[string]error{
		"publish": publishErr, "stats": statsErr, "list": listErr,
		"replay":  q.DeadLetters().Replay(t.Context(), 1),
		"drop":    q.DeadLetters().Drop(t.Context(), 1),
		"consume": q.Consume(t.Context(), queue.ConsumeOptions{Box: queue.Inbox}, c.handle),
	} {
		if !errors.Is(err, queue.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", what, err)
		}
	}
}

func testMisuse(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	if _, err := q.Publish(t.Context(), key("ann"), queue.Item{Body: []byte("x")}); fault.ClassOf(err) != fault.Bug {
		t.Errorf("an item without an id: %v, want a bug", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 20 {
		_, err := q.Publish(over, key("ann"), item(fmt.Sprint("x", i)))
		if err != nil && fault.ClassOf(err) != fault.Retryable {
			t.Errorf("publish with an ended context: %v, want it retryable", err)
		}
	}
	if err := q.Consume(over, queue.ConsumeOptions{Box: queue.Inbox}, func(context.Context, queue.Delivery) (queue.Commit, error) {
		return queue.Commit{}, nil
	}); err != nil {
		t.Errorf("Consume with an ended context: %v, want nil", err)
	}
}
