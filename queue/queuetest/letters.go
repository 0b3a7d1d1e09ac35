package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// list reads all dead letters of a box, in small pages.
func list(t rapid.TB, q queue.Queue, box queue.Box) []queue.DeadLetter {
	t.Helper()
	var all []queue.DeadLetter
	var after int64
	for {
		page, err := q.DeadLetters().List(context.Background(), box, after, 2)
		if err != nil {
			t.Fatalf("list dead letters: %v", err)
		}
		if len(page) == 0 {
			return all
		}
		if len(page) > 2 {
			t.Fatalf("%d letters in a page of 2", len(page))
		}
		for _, d := range page {
			if d.ID <= after {
				t.Fatalf("letter %d comes after %d", d.ID, after)
			}
			after = d.ID
		}
		all = append(all, page...)
	}
}

// startPanicking is a desk whose first handler panics.
func startPanicking(t *testing.T, q queue.Queue) *desk {
	t.Helper()
	var panicked atomic.Bool
	d := startWrapped(t, q, queue.ConsumeOptions{}, func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, in queue.Delivery) (queue.Commit, error) {
			if panicked.CompareAndSwap(false, true) {
				panic("on purpose")
			}
			return h(ctx, in)
		}
	})
	t.Cleanup(d.abandon)
	return d
}

func testLetters(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	c := consume(t, q, queue.ConsumeOptions{Slots: 1})
	for i := range 5 {
		id := fmt.Sprint(i)
		publish(t, q, key("ann"), item(id))
		c.expect(id).fail(fault.New(fault.Permanent, "refused", nil))
	}
	empty(t, q, queue.Inbox)
	found := list(t, q, queue.Inbox)
	if len(found) != 5 || len(list(t, q, queue.Outbox)) != 0 {
		t.Fatalf("dead letters: %+v", found)
	}
	for i, d := range found {
		if d.Key != key("ann") || d.Item.ID != fmt.Sprint(i) || string(d.Item.Body) != "body of "+d.Item.ID || d.Reason != "refused" || d.Attempts != 1 || d.BuriedAt.IsZero() {
			t.Errorf("letter %d is %+v", i, d)
		}
	}
	letters := q.DeadLetters()
	publish(t, q, key("ann"), item("held"))
	held := c.expect("held")
	for _, d := range []queue.DeadLetter{found[3], found[1]} {
		if err := letters.Replay(t.Context(), d.ID); err != nil {
			t.Fatalf("replay: %v", err)
		}
	}
	if err := letters.Drop(t.Context(), found[0].ID); err != nil {
		t.Fatalf("drop: %v", err)
	}
	for what, err := range map[string]error{
		"replay a replayed one": letters.Replay(t.Context(), found[3].ID),
		"drop a dropped one":    letters.Drop(t.Context(), found[0].ID),
		"drop a replayed one":   letters.Drop(t.Context(), found[1].ID),
		"replay no letter":      letters.Replay(t.Context(), 1<<40),
	} {
		if !errors.Is(err, queue.ErrNoLetter) {
			t.Errorf("%s: %v, want ErrNoLetter", what, err)
		}
	}
	if s := stats(t, q, queue.Inbox); s.Dead != 2 || s.Items != 3 {
		t.Errorf("stats: %+v, want 2 dead and 3 waiting", s)
	}
	held.done(1)
	for _, id := range []string{"3", "1"} {
		k := c.expect(id)
		if k.d.Attempt != 1 || string(k.d.Items[0].Body) != "body of "+id {
			t.Errorf("replayed: %+v", k.d)
		}
		k.done(1)
	}
	empty(t, q, queue.Inbox)
}

func testNotes(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"))
	silent := consume(t, q, queue.ConsumeOptions{Slots: 1, Lease: h.lease(), Heartbeat: forever})
	k := silent.expect("1")
	if k.d.Note != nil {
		t.Errorf("a new item has the note %q", k.d.Note)
	}
	for _, note := range []string{"begun", "sent"} {
		if err := k.d.SetNote(t.Context(), []byte(note)); err != nil {
			t.Fatalf("set note: %v", err)
		}
	}
	ended(k.ctx, t)
	silent.cancel()
	k.done(1)
	silent.stop()
	c := startDesk(t, q, queue.ConsumeOptions{})
	k = c.expect("1")
	if string(k.d.Note) != "sent" {
		t.Errorf("note %q, want %q", k.d.Note, "sent")
	}
	k.fail(fault.New(fault.RateLimited, "test", nil, fault.WithWait(1)))
	k = c.expect("1")
	if string(k.d.Note) != "sent" {
		t.Errorf("note %q after a failure, want %q", k.d.Note, "sent")
	}
	if h.Features.Durable {
		c.cancel()
		ended(k.ctx, t)
		k.fail(k.ctx.Err())
		c.stop()
		q = h.Reopen(t, q)
		c = startDesk(t, q, queue.ConsumeOptions{})
		k = c.expect("1")
		if string(k.d.Note) != "sent" || k.d.Attempt != 2 {
			t.Errorf("note %q and attempt %d after a restart, want %q and 2", k.d.Note, k.d.Attempt, "sent")
		}
	}
	k.done(1)
	two := c.expect("2")
	if two.d.Note != nil {
		t.Errorf("the note %q stayed when its item went", two.d.Note)
	}
	two.done(1)
	c.stop()
}

func testReopen(t *testing.T, h Harness) {
	if !h.Features.Durable {
		return
	}
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("0"), item("1"), item("2"), item("3"))
	publish(t, q, key("bob"), item("bad"))
	c := startDesk(t, q, queue.ConsumeOptions{Slots: 2, Turns: 10})
	ann, bob := c.next(), c.next()
	if ann.first() == "bad" {
		ann, bob = bob, ann
	}
	bob.fail(fault.New(fault.Permanent, "refused", nil))
	until(t, q, queue.Inbox, "letter is buried", func(s queue.Stats) bool { return s.Dead == 1 })
	ann.commit(queue.Commit{
		Done: 1, Set: map[string][]byte{"f": []byte("v"), "g": []byte("gone")}, Append: bytesOf("x", "y", "z"),
		Out: []queue.Outgoing{{Key: lane("ann"), Item: item("out")}},
	})
	k := c.expect("1")
	token := k.d.Token
	k.commit(queue.Commit{Done: 1, Set: map[string][]byte{"g": nil}, Trim: 1})
	c.expect("2").fail(fault.New(fault.Retryable, "test", nil, fault.WithWait(1)))
	k = c.expect("2")
	c.cancel()
	ended(k.ctx, t)
	k.fail(k.ctx.Err())
	c.stop()

	q = h.Reopen(t, q)
	if found := list(t, q, queue.Inbox); len(found) != 1 || found[0].Item.ID != "bad" {
		t.Errorf("dead letters: %+v", found)
	}
	if s := stats(t, q, queue.Inbox); s.Items != 2 || s.Dead != 1 {
		t.Errorf("stats: %+v", s)
	}
	outcome(t, q, key("ann"), item("0"), queue.Duplicate)
	outcome(t, q, key("ann"), item("3"), queue.Duplicate)
	publish(t, q, key("ann"), item("4"))
	out := consume(t, q, queue.ConsumeOptions{Box: queue.Outbox})
	out.expect("out").done(1)
	c = consume(t, q, queue.ConsumeOptions{})
	k = c.expect("2")
	wantMemory(t, k.d.Memory, map[string]string{"f": "v"}, []string{"y", "z"})
	if k.d.Token <= token || k.d.Attempt != 2 {
		t.Errorf("token %d after %d, attempt %d", k.d.Token, token, k.d.Attempt)
	}
	k.commit(queue.Commit{Done: 1, Trim: 1, Append: bytesOf("w")})
	k = c.expect("3")
	wantMemory(t, k.d.Memory, map[string]string{"f": "v"}, []string{"z", "w"})
	k.done(1)
	c.expect("4").done(1)
	empty(t, q, queue.Inbox)
}
