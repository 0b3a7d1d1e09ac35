package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func testOrder(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	const keys, items = 5, 30
	var mu sync.Mutex
	held := map[queue.Key]bool{}
	got := map[queue.Key][]string{}
	finished := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	consumed := make(chan error, 2)
	handle := func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		mu.Lock()
		if held[d.Key] {
			t.Errorf("two handlers at once for %v", d.Key)
		}
		held[d.Key] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			held[d.Key] = false
			total := 0
			for _, in := range d.Items {
				got[d.Key] = append(got[d.Key], in.ID)
			}
			for _, ids := range got {
				total += len(ids)
			}
			if total == keys*items {
				close(finished)
			}
		}()
		return queue.Commit{Done: len(d.Items)}, nil
	}
	for batch := range 2 {
		go func() {
			consumed <- q.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4, Batch: 1 + 2*batch}, handle)
		}()
	}
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for i := range items {
				if _, err := q.Publish(context.Background(), key(fmt.Sprint(k)), item(fmt.Sprintf("%d.%03d", k, i))); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-finished:
	case <-after():
		t.Error("not all items were delivered")
	}
	cancel()
	for range 2 {
		if err := <-consumed; err != nil {
			t.Errorf("consume: %v", err)
		}
	}
	for k, ids := range got {
		if !slices.IsSorted(ids) || len(ids) != items {
			t.Errorf("%v got %v", k, ids)
		}
	}
}

func testNoBlocking(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	c := consume(t, q, queue.ConsumeOptions{Slots: 2})
	publish(t, q, key("slow"), item("s1"), item("s2"))
	slow := c.expect("s1")
	for i := range 20 {
		id := fmt.Sprint("f", i)
		publish(t, q, key("fast"), item(id))
		c.expect(id).done(1)
	}
	slow.done(1)
	c.expect("s2").done(1)
	c.stop()
}

// testLeaseKept holds a mailbox while another's lease lapses several times: a
// holder whose heart beats keeps its own for much longer than a lease.
func testLeaseKept(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a"))
	beating := consume(t, q, queue.ConsumeOptions{Lease: 2 * h.lease()})
	kept := beating.expect("a")
	publish(t, q, lane("bob"), item("b"))
	silent := consume(t, q, queue.ConsumeOptions{Box: queue.Outbox, Lease: 2 * h.lease(), Heartbeat: forever, MaxAttempts: 100})
	for range 4 {
		lost := silent.expect("b")
		ended(lost.ctx, t)
		lost.done(0)
	}
	if kept.ctx.Err() != nil {
		t.Fatalf("a lease was lost while its holder's heart beat: %v", context.Cause(kept.ctx))
	}
	if left := kept.d.Left(); left <= 0 || left > 2*h.lease() {
		t.Errorf("the lease that is kept holds for %v", left)
	}
	kept.done(1)
	empty(t, q, queue.Inbox)
	if left := kept.d.Left(); left != 0 {
		t.Errorf("a lease whose handler is back holds for %v", left)
	}
}

func testLeaseLapses(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a"), item("a2"))
	silent := consume(t, q, queue.ConsumeOptions{Slots: 1, Lease: h.lease(), Heartbeat: forever})
	lost := silent.expect("a")
	other := consume(t, q, queue.ConsumeOptions{})
	again := other.expect("a")
	if again.d.Token <= lost.d.Token {
		t.Errorf("token %d after %d, want it to grow", again.d.Token, lost.d.Token)
	}
	if lost.d.Attempt != 1 || again.d.Attempt != 2 {
		t.Errorf("attempts %d and %d, want 1 and 2", lost.d.Attempt, again.d.Attempt)
	}
	ended(lost.ctx, t)
	if lost.d.Left() != 0 || again.d.Left() <= 0 {
		t.Errorf("the lost lease holds for %v, the new one for %v", lost.d.Left(), again.d.Left())
	}
	silent.cancel()
	lost.done(1)
	silent.stop()
	again.done(1)
	last := other.expect("a2")
	if last.d.Token <= again.d.Token || last.d.Attempt != 1 {
		t.Errorf("token %d after %d, attempt %d", last.d.Token, again.d.Token, last.d.Attempt)
	}
	last.done(1)
	empty(t, q, queue.Inbox)
}

func testFencing(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a"))
	silent := consume(t, q, queue.ConsumeOptions{Slots: 1, Lease: h.lease(), Heartbeat: forever})
	lost := silent.expect("a")
	holder := consume(t, q, queue.ConsumeOptions{})
	held := holder.expect("a")
	ended(lost.ctx, t)
	if !errors.Is(context.Cause(lost.ctx), queue.ErrStale) {
		t.Errorf("the context ended with %v, want ErrStale", context.Cause(lost.ctx))
	}
	if err := lost.d.SetNote(context.Background(), []byte("stale")); !errors.Is(err, queue.ErrStale) || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("SetNote answered %v, want a retryable ErrStale", err)
	}
	silent.cancel()
	lost.commit(queue.Commit{
		Done: 1, Set: map[string][]byte{"f": []byte("stale")}, Append: [][]byte{[]byte("stale")},
		Out: []queue.Outgoing{{Key: lane("ann"), Item: item("stale")}},
	})
	silent.stop()
	if s := stats(t, q, queue.Outbox); s.Items != 0 {
		t.Errorf("a stale commit published: %+v", s)
	}
	held.done(0)
	again := holder.expect("a")
	wantMemory(t, again.d.Memory, nil, nil)
	if again.d.Note != nil {
		t.Errorf("a stale note was stored: %s", again.d.Note)
	}
	again.done(1)
	empty(t, q, queue.Inbox)
}
