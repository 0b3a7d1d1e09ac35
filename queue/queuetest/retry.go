package queuetest

import (
	"errors"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func testRetry(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"))
	c := consume(t, q, queue.ConsumeOptions{Backoff: func(int) time.Duration { return time.Millisecond }})
	k := c.expect("1")
	const wait = 150 * time.Millisecond
	begun := time.Now()
	k.fail(fault.New(fault.Retryable, "test", nil, fault.WithWait(wait)))
	until(t, q, queue.Inbox, "mailbox waits", func(s queue.Stats) bool { return s.Delayed == 1 })
	publish(t, q, key("ann"), item("3"))
	publish(t, q, key("bob"), item("b"))
	c.expect("b").done(1)
	k = c.expect("1")
	if waited := time.Since(begun); waited < wait {
		t.Errorf("tried again after %v, want at least %v", waited, wait)
	}
	if k.d.Attempt != 2 || k.d.Last {
		t.Errorf("attempt %d, last %v; want the second", k.d.Attempt, k.d.Last)
	}
	k.fail(fault.New(fault.Retryable, "by backoff", nil))
	c.expect("1").done(1)
	two := c.expect("2")
	if two.d.Attempt != 1 {
		t.Errorf("attempt %d of the next item, want 1", two.d.Attempt)
	}
	two.done(1)
	c.expect("3").done(1)
	empty(t, q, queue.Inbox)
}

func testAttemptsEnd(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"))
	var waits []int
	c := consume(t, q, queue.ConsumeOptions{MaxAttempts: 3, Backoff: func(attempt int) time.Duration {
		waits = append(waits, attempt)
		return time.Millisecond
	}})
	for attempt := 1; attempt <= 3; attempt++ {
		k := c.expect("1")
		if k.d.Attempt != attempt || k.d.Last != (attempt == 3) {
			t.Errorf("attempt %d, last %v; want attempt %d of 3", k.d.Attempt, k.d.Last, attempt)
		}
		k.fail(fault.New(fault.Retryable, "test", errors.New("no luck")))
	}
	c.expect("2").done(1)
	c.stop()
	if len(waits) < 2 || waits[0] != 1 || waits[1] != 2 {
		t.Errorf("backoff was asked for attempts %v, want 1 and 2", waits)
	}
	found := list(t, q, queue.Inbox)
	if len(found) != 1 || found[0].Item.ID != "1" || found[0].Attempts != 3 || found[0].Reason != "test: no luck" {
		t.Fatalf("dead letters: %+v", found)
	}
}

func testClasses(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"), item("3"), item("4"))
	c := consume(t, q, queue.ConsumeOptions{MaxAttempts: 2, Backoff: func(int) time.Duration { return time.Millisecond }})
	short := fault.WithWait(time.Millisecond)
	for range 3 {
		for _, class := range []fault.Class{fault.RateLimited, fault.NeedsHuman} {
			k := c.expect("1")
			if k.d.Attempt != 1 {
				t.Errorf("attempt %d: %v was counted before", k.d.Attempt, class)
			}
			k.fail(fault.New(class, "test", nil, short))
		}
	}
	c.expect("1").fail(fault.New(fault.Permanent, "permanent", nil))
	c.expect("2").fail(fault.New(fault.Bug, "bug", nil))
	c.expect("3").fail(errors.New("unclassified"))
	c.expect("4").done(1)
	c.stop()
	var reasons []string
	for _, d := range list(t, q, queue.Inbox) {
		if d.Attempts != 1 {
			t.Errorf("%d attempts of %s, want 1", d.Attempts, d.Item.ID)
		}
		reasons = append(reasons, d.Item.ID+" "+d.Reason)
	}
	want := []string{"1 permanent", "2 bug", "3 unclassified"}
	if len(reasons) != 3 || reasons[0] != want[0] || reasons[1] != want[1] || reasons[2] != want[2] {
		t.Errorf("buried %q, want %q", reasons, want)
	}
	testPanic(t, q)
}

// testPanic lets a handler panic: its item is buried, the engine goes on.
func testPanic(t *testing.T, q queue.Queue) {
	t.Helper()
	publish(t, q, key("eve"), item("p"), item("after"))
	d := startPanicking(t, q)
	d.expect("after").done(1)
	d.stop()
	found := list(t, q, queue.Inbox)
	if last := found[len(found)-1]; last.Item.ID != "p" {
		t.Errorf("the last dead letter is %+v, want the one whose handler panicked", last)
	}
}

// testDeathsCount lets every holder fall silent: past the limit the first item
// goes, and the next is delivered.
func testDeathsCount(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"))
	c := consume(t, q, queue.ConsumeOptions{Slots: 1, Lease: h.lease(), Heartbeat: forever, MaxAttempts: 2})
	for attempt := 1; attempt <= 2; attempt++ {
		k := c.expect("1")
		if k.d.Attempt != attempt {
			t.Errorf("attempt %d, want %d", k.d.Attempt, attempt)
		}
		ended(k.ctx, t)
		k.done(1)
	}
	k := c.expect("2")
	found := list(t, q, queue.Inbox)
	if len(found) != 1 || found[0].Item.ID != "1" || found[0].Reason == "" || found[0].Attempts != 2 {
		t.Fatalf("dead letters: %+v", found)
	}
	k.done(1)
}

func testFairness(t *testing.T, h Harness) {
	if h.Features.ManyLines {
		return
	}
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a1"), item("a2"), item("a3"), item("a4"), item("a5"), item("a6"))
	publish(t, q, key("bob"), item("b1"), item("b2"))
	c := consume(t, q, queue.ConsumeOptions{Slots: 1, Turns: 2})
	for _, id := range []string{"a1", "a2", "b1", "b2", "a3", "a4", "a5", "a6"} {
		c.expect(id).done(1)
	}
	empty(t, q, queue.Inbox)
}

func testDrainFinishes(t *testing.T, h Harness) {
	if h.Features.ManyLines {
		return
	}
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"))
	publish(t, q, key("bob"), item("b"))
	c := startDesk(t, q, queue.ConsumeOptions{Slots: 1, Turns: 10, Grace: patience})
	k := c.expect("1")
	c.cancel()
	if k.ctx.Err() != nil {
		t.Error("the handler was cancelled inside the grace")
	}
	k.commit(queue.Commit{Done: 1, Append: bytesOf("finished")})
	c.stop()
	s := stats(t, q, queue.Inbox)
	if s.Items != 2 || s.Ready != 2 || s.Leased != 0 {
		t.Errorf("after the drain: %+v; want two items ready", s)
	}
	next := consume(t, q, queue.ConsumeOptions{Slots: 2})
	for range 2 {
		k := next.next()
		if k.first() == "2" {
			wantMemory(t, k.d.Memory, nil, []string{"finished"})
		}
		k.done(1)
	}
	empty(t, q, queue.Inbox)
}

func testDrainHandsBack(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"))
	for range 3 {
		c := startDesk(t, q, queue.ConsumeOptions{MaxAttempts: 2, Grace: time.Millisecond})
		k := c.expect("1")
		if k.d.Attempt != 1 {
			t.Errorf("attempt %d after a drain, want 1", k.d.Attempt)
		}
		c.cancel()
		ended(k.ctx, t)
		k.fail(k.ctx.Err())
		c.stop()
	}
	consume(t, q, queue.ConsumeOptions{}).expect("1").done(1)
	empty(t, q, queue.Inbox)
}

func testStats(t *testing.T, h Harness) {
	if h.Features.ManyLines {
		return
	}
	q := h.Open(t, Bounds{})
	if s := stats(t, q, queue.Inbox); s != (queue.Stats{}) {
		t.Errorf("stats of an empty box: %+v", s)
	}
	begun := time.Now().Add(-time.Second)
	publish(t, q, key("a"), item("a1"), item("a2"))
	publish(t, q, key("b"), item("b1"))
	publish(t, q, key("c"), queue.Item{ID: "c1", Settle: forever})
	publish(t, q, lane("x"), item("x1"))
	s := stats(t, q, queue.Inbox)
	if s.Items != 4 || s.Ready != 2 || s.Delayed != 1 || s.Leased != 0 || s.Dead != 0 || s.Oldest.Before(begun) {
		t.Errorf("stats: %+v", s)
	}
	c := consume(t, q, queue.ConsumeOptions{Slots: 1})
	k := c.expect("a1")
	if s = stats(t, q, queue.Inbox); s.Items != 4 || s.Leased != 1 || s.Ready != 1 {
		t.Errorf("stats while one is held: %+v", s)
	}
	oldest := s.Oldest
	k.fail(fault.New(fault.Permanent, "test", nil))
	c.expect("a2").fail(fault.New(fault.Retryable, "test", nil, fault.WithWait(forever)))
	k = c.expect("b1")
	s = stats(t, q, queue.Inbox)
	if s.Items != 3 || s.Delayed != 2 || s.Leased != 1 || s.Dead != 1 || s.Oldest.Before(oldest) {
		t.Errorf("stats: %+v", s)
	}
	k.done(1)
	if s := stats(t, q, queue.Outbox); s.Items != 1 || s.Ready != 1 {
		t.Errorf("stats of the other box: %+v", s)
	}
}
