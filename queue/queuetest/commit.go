package queuetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/queue"
)

func after() <-chan time.Time { return time.After(patience) }

// texts shows bytes as text, so that nil and empty are the same.
func texts(log [][]byte) []string {
	out := make([]string, 0, len(log))
	for _, b := range log {
		out = append(out, string(b))
	}
	return out
}

func fieldTexts(fields map[string][]byte) map[string]string {
	out := make(map[string]string, len(fields))
	for name, b := range fields {
		out[name] = string(b)
	}
	return out
}

// wantMemory compares a memory with what it should be.
func wantMemory(t rapid.TB, got queue.Memory, fields map[string]string, log []string) {
	t.Helper()
	if fields == nil {
		fields = map[string]string{}
	}
	if diff := cmp.Diff(fields, fieldTexts(got.Fields)); diff != "" {
		t.Fatalf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append([]string{}, log...), texts(got.Log)); diff != "" {
		t.Fatalf("log (-want +got):\n%s", diff)
	}
}

// bytesOf is the opposite of texts.
func bytesOf(texts ...string) [][]byte {
	out := make([][]byte, 0, len(texts))
	for _, s := range texts {
		out = append(out, []byte(s))
	}
	return out
}

func testCommit(t *testing.T, h Harness) {
	if h.Features.ManyLines {
		return
	}
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"), item("3"), item("4"))
	publish(t, q, key("bob"), item("b"))
	c := consume(t, q, queue.ConsumeOptions{Slots: 1, Turns: 10})
	one := c.expect("1")
	wantMemory(t, one.d.Memory, nil, nil)
	one.commit(queue.Commit{
		Done: 1, Set: map[string][]byte{"a": []byte("1"), "b": []byte("2"), "empty": {}}, Append: bytesOf("x", "y", "z"),
		Out: []queue.Outgoing{{Key: lane("ann"), Item: item("o1")}, {Key: lane("bob"), Item: item("o2")}, {Key: lane("ann"), Item: item("o3")}},
	})
	two := c.expect("2")
	wantMemory(t, two.d.Memory, map[string]string{"a": "1", "b": "2", "empty": ""}, []string{"x", "y", "z"})
	two.commit(queue.Commit{
		Done: 1, Set: map[string][]byte{"a": nil, "b": []byte("3"), "never": nil}, Trim: 2, Append: bytesOf("w"),
		Out: []queue.Outgoing{{Key: lane("ann"), Item: item("o1")}, {Key: lane("ann"), Item: item("o4")}},
	})
	three := c.expect("3")
	wantMemory(t, three.d.Memory, map[string]string{"b": "3", "empty": ""}, []string{"z", "w"})
	three.commit(queue.Commit{Done: 1, Trim: 99, Append: bytesOf("last")})
	four := c.expect("4")
	wantMemory(t, four.d.Memory, map[string]string{"b": "3", "empty": ""}, []string{"last"})
	four.done(1)
	bob := c.expect("b")
	wantMemory(t, bob.d.Memory, nil, nil)
	bob.done(1)
	c.stop()
	out := consume(t, q, queue.ConsumeOptions{Box: queue.Outbox, Slots: 1, Turns: 10})
	got := map[string][]string{}
	for range 5 {
		k := out.next()
		got[k.d.Key.Owner] = append(got[k.d.Key.Owner], k.first())
		k.done(1)
	}
	if diff := cmp.Diff(map[string][]string{"ann": {"o1", "o3", "o1", "o4"}, "bob": {"o2"}}, got); diff != "" {
		t.Errorf("what went out (-want +got):\n%s", diff)
	}
	empty(t, q, queue.Outbox)
}

// testCommitAtomic makes a commit that cannot be done: it is a bug, and nothing
// of it may happen.
func testCommitAtomic(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	bad := []queue.Commit{
		{Done: 1, Out: []queue.Outgoing{{Key: lane("ann"), Item: item("good")}, {Key: lane("ann"), Item: queue.Item{}}}},
		{Done: 2},
		{Done: -1},
		{Done: 1, Trim: -1},
	}
	c := consume(t, q, queue.ConsumeOptions{Slots: 1})
	for i, k := range bad {
		id := fmt.Sprint("bad", i)
		publish(t, q, key("ann"), item(id))
		k.Set = map[string][]byte{"f": []byte("set")}
		k.Append = bytesOf("appended")
		c.expect(id).commit(k)
		empty(t, q, queue.Inbox)
	}
	publish(t, q, key("ann"), item("last"))
	last := c.expect("last")
	wantMemory(t, last.d.Memory, nil, nil)
	if s := stats(t, q, queue.Outbox); s.Items != 0 {
		t.Errorf("half a commit was published: %+v", s)
	}
	if s := stats(t, q, queue.Inbox); s.Dead != len(bad) {
		t.Errorf("%d items buried, want %d", s.Dead, len(bad))
	}
	last.done(1)
}

// testDoneZero commits without finishing: the items come again with the changes,
// and such a commit is progress, so the count of the attempts begins anew.
func testDoneZero(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("a"))
	c := consume(t, q, queue.ConsumeOptions{MaxAttempts: 2})
	var log []string
	var last queue.Token
	for i := range 5 {
		k := c.expect("a")
		wantMemory(t, k.d.Memory, nil, log)
		if k.d.Attempt != 1 || k.d.Token <= last {
			t.Errorf("attempt %d, token %d after %d", k.d.Attempt, k.d.Token, last)
		}
		last = k.d.Token
		log = append(log, fmt.Sprint("step", i))
		k.commit(queue.Commit{Append: bytesOf(log[i])})
	}
	c.expect("a").done(1)
	empty(t, q, queue.Inbox)
}

func testCommitBuries(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"), item("3"))
	c := consume(t, q, queue.ConsumeOptions{Batch: 3})
	c.expect("1").commit(queue.Commit{Done: 2, Bury: "not wanted", Append: bytesOf("buried two")})
	last := c.expect("3")
	wantMemory(t, last.d.Memory, nil, []string{"buried two"})
	last.done(1)
	empty(t, q, queue.Inbox)
	found := list(t, q, queue.Inbox)
	if len(found) != 2 || found[0].Item.ID != "1" || found[1].Item.ID != "2" || found[0].Reason != "not wanted" {
		t.Fatalf("dead letters: %+v", found)
	}
}

// testMemoryShared keeps an old memory and looks at it after later commits.
func testMemoryShared(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	c := consume(t, q, queue.ConsumeOptions{})
	var kept []queue.Memory
	for i := range 10 {
		id := fmt.Sprint(i)
		publish(t, q, key("ann"), item(id))
		k := c.expect(id)
		kept = append(kept, k.d.Memory)
		k.commit(queue.Commit{Done: 1, Set: map[string][]byte{"n": []byte(id)}, Append: bytesOf(id), Trim: i % 2})
	}
	empty(t, q, queue.Inbox)
	var log []string
	for i, m := range kept {
		var fields map[string]string
		if i > 0 {
			fields = map[string]string{"n": fmt.Sprint(i - 1)}
		}
		wantMemory(t, m, fields, log)
		log = append(slices.Clone(log[min(i%2, len(log)):]), fmt.Sprint(i))
	}
}

func testBatches(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"), item("3"), item("4"), item("5"))
	c := consume(t, q, queue.ConsumeOptions{Batch: 3})
	for _, step := range []struct {
		want []string
		done int
	}{
		{[]string{"1", "2", "3"}, 2},
		{[]string{"3", "4", "5"}, 1},
		{[]string{"4", "5"}, 2},
	} {
		k := c.next()
		var got []string
		for _, in := range k.d.Items {
			got = append(got, in.ID)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Fatalf("batch (-want +got):\n%s", diff)
		}
		k.done(step.done)
	}
	empty(t, q, queue.Inbox)
}

// testSettle checks the earliest moment only: Since is when the first item was
// published, by the engine's clock.
func testSettle(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	const settle = 150 * time.Millisecond
	c := consume(t, q, queue.ConsumeOptions{Batch: 10})
	begun := time.Now()
	publish(t, q, key("ann"), queue.Item{ID: "1", Settle: settle}, queue.Item{ID: "2", Settle: settle}, item("3"))
	publish(t, q, key("bob"), item("b"))
	c.expect("b").done(1)
	k := c.expect("1")
	if waited := time.Since(begun); waited < settle {
		t.Errorf("taken after %v, before it settled", waited)
	}
	if len(k.d.Items) != 3 {
		t.Errorf("%d items settled together, want 3", len(k.d.Items))
	}
	k.done(len(k.d.Items))
	empty(t, q, queue.Inbox)
}

// Then is called once, after the commit: what it finds in the outbox is the proof.
func testThen(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"))
	found := make(chan int, 2)
	c := consume(t, q, queue.ConsumeOptions{})
	c.expect("1").commit(queue.Commit{
		Done: 1, Out: []queue.Outgoing{{Key: lane("ann"), Item: item("o")}},
		Then: func(time.Duration) {
			s, err := q.Stats(t.Context(), lane("ann").Box)
			if err != nil {
				t.Error(err)
			}
			found <- s.Items
		},
	})
	select {
	case n := <-found:
		if n != 1 {
			t.Errorf("%d items in the outbox when the commit was told of", n)
		}
	case <-after():
		t.Fatal("the commit was never told of")
	}
}

// A memo is a help, not a memory: it is what the commit before left, or nothing.
func testMemo(t *testing.T, h Harness) {
	q := h.Open(t, Bounds{})
	publish(t, q, key("ann"), item("1"), item("2"), item("3"))
	c := consume(t, q, queue.ConsumeOptions{Slots: 1, Turns: 10})
	one := c.expect("1")
	if one.d.Memory.Memo != nil {
		t.Errorf("memo %v before any commit", one.d.Memory.Memo)
	}
	one.commit(queue.Commit{Done: 1, Append: bytesOf("x"), Memo: "first"})
	two := c.expect("2")
	if m := two.d.Memory.Memo; m != nil && m != "first" {
		t.Errorf("memo %v behind the first commit", m)
	}
	two.commit(queue.Commit{Done: 1, Append: bytesOf("y")})
	three := c.expect("3")
	if m := three.d.Memory.Memo; m != nil {
		t.Errorf("memo %v behind a commit that left none", m)
	}
	three.done(1)
}
