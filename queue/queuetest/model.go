package queuetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	modelAttempts = 3
	modelBatch    = 3
)

// testModel drives an engine through random histories and compares it with a
// model: nothing lost, nothing doubled, order, memory, attempts, tokens, letters.
func testModel(t *testing.T, h Harness) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{
			T: rt, q: h.Open(t, Bounds{}), outer: t, h: h,
			boxes: map[queue.Key]*modelMailbox{}, seen: map[queue.Box]map[string]bool{queue.Inbox: {}, queue.Outbox: {}},
			held: map[queue.Key]*call{}, tokens: map[queue.Key]queue.Token{},
		}
		defer m.close()
		actions := map[string]func(*rapid.T){
			"publish": m.publish, "publish again": m.publish, "take": m.take, "take again": m.take,
			"commit": m.commit, "commit again": m.commit, "fail": m.fail, "lapse": m.lapse, "drain": m.drain,
		}
		if h.Features.Durable {
			actions["reopen"] = m.reopen
		}
		rt.Repeat(actions)
		m.finish()
	})
}

// modelMailbox is what a mailbox should be.
type modelMailbox struct {
	items    []string
	attempts int
	fields   map[string]string
	log      []string
}

// machine is an engine with its model.
type machine struct {
	*rapid.T
	outer *testing.T
	h     Harness
	q     queue.Queue
	desk  *desk

	boxes  map[queue.Key]*modelMailbox
	seen   map[queue.Box]map[string]bool
	held   map[queue.Key]*call
	tokens map[queue.Key]queue.Token
	dead   []string
	count  int
}

func (m *machine) close() {
	if m.desk != nil {
		m.desk.abandon()
	}
	if err := m.q.Close(); err != nil {
		m.Errorf("close: %v", err)
	}
}

func (m *machine) box(k queue.Key) *modelMailbox {
	if m.boxes[k] == nil {
		m.boxes[k] = &modelMailbox{fields: map[string]string{}}
	}
	return m.boxes[k]
}

// accept is Publish in the model.
func (m *machine) accept(k queue.Key, id string) queue.Outcome {
	if m.seen[k.Box][id] {
		return queue.Duplicate
	}
	m.seen[k.Box][id] = true
	b := m.box(k)
	b.items = append(b.items, id)
	return queue.Accepted
}

// buryFirst is a burial in the model.
func (m *machine) buryFirst(b *modelMailbox) {
	m.dead = append(m.dead, b.items[0])
	b.items, b.attempts = b.items[1:], 0
}

// drawID draws a new id, or sometimes one that was used before.
func (m *machine) drawID(t *rapid.T, prefix string) string {
	if m.count > 0 && rapid.IntRange(0, 4).Draw(t, "repeat") == 0 {
		return fmt.Sprint(prefix, rapid.IntRange(1, m.count).Draw(t, "id"))
	}
	m.count++
	return fmt.Sprint(prefix, m.count)
}

func (m *machine) publish(t *rapid.T) {
	k := key(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"))
	id := m.drawID(t, "i")
	want := m.accept(k, id)
	got, err := m.q.Publish(t.Context(), k, item(id))
	if err != nil || got != want {
		t.Fatalf("publish %s: outcome %d, %v; want %d", id, got, err, want)
	}
}

// open gives the running desk.
func (m *machine) open(t *rapid.T) *desk {
	if m.desk == nil {
		m.desk = startDesk(t, m.q, queue.ConsumeOptions{
			Batch: modelBatch, MaxAttempts: modelAttempts, Grace: time.Millisecond,
			Backoff: func(int) time.Duration { return time.Microsecond },
		})
	}
	m.desk.t = t
	return m.desk
}

// free are the inboxes that should be delivered.
func (m *machine) free() []queue.Key {
	var keys []queue.Key
	for k, b := range m.boxes {
		// One whose tries are used up is buried when it is taken next.
		left := len(b.items)
		if b.attempts >= modelAttempts {
			left--
		}
		if k.Box == queue.Inbox && left > 0 && m.held[k] == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

func (m *machine) take(t *rapid.T) {
	if len(m.free()) == 0 {
		t.Skip("nothing to take")
	}
	m.receive(t, m.open(t))
}

// receive waits for a delivery and compares it with the model.
func (m *machine) receive(t *rapid.T, d *desk) *call {
	c := d.next()
	k := c.d.Key
	b := m.boxes[k]
	if b == nil || m.held[k] != nil {
		t.Fatalf("%v was delivered; known %v, held %v", k, b != nil, m.held[k] != nil)
	}
	if b.attempts >= modelAttempts {
		m.buryFirst(b)
	}
	b.attempts++
	if n := len(c.d.Items); n < 1 || n > min(modelBatch, len(b.items)) {
		t.Fatalf("%d items delivered of %d", n, len(b.items))
	}
	for i, in := range c.d.Items {
		if in.ID != b.items[i] || string(in.Body) != "body of "+in.ID {
			t.Fatalf("item %d is %q (%q), want %q", i, in.ID, in.Body, b.items[i])
		}
	}
	if c.d.Attempt != b.attempts || c.d.Last != (b.attempts == modelAttempts) {
		t.Fatalf("attempt %d (last %v) of %s, want %d", c.d.Attempt, c.d.Last, c.first(), b.attempts)
	}
	if c.d.Token <= m.tokens[k] {
		t.Fatalf("token %d after %d", c.d.Token, m.tokens[k])
	}
	m.tokens[k] = c.d.Token
	wantMemory(t, c.d.Memory, b.fields, b.log)
	m.held[k] = c
	return c
}

// drawHeld picks a call under way and takes it off the model's list.
func (m *machine) drawHeld(t *rapid.T) (*call, *modelMailbox) {
	if len(m.held) == 0 {
		t.Skip("nothing is held")
	}
	owners := make([]string, 0, len(m.held))
	for k := range m.held {
		owners = append(owners, k.Owner)
	}
	slices.Sort(owners)
	k := key(rapid.SampledFrom(owners).Draw(t, "held"))
	c := m.held[k]
	delete(m.held, k)
	return c, m.boxes[k]
}

func (m *machine) commit(t *rapid.T) {
	c, b := m.drawHeld(t)
	k := queue.Commit{Done: rapid.IntRange(0, len(c.d.Items)).Draw(t, "done"), Set: map[string][]byte{}}
	if rapid.IntRange(0, 5).Draw(t, "bury") == 0 {
		k.Bury = "by commit"
		m.dead = append(m.dead, b.items[:k.Done]...)
	}
	b.items, b.attempts = b.items[k.Done:], 0
	for range rapid.IntRange(0, 2).Draw(t, "sets") {
		name := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "field")
		if rapid.Bool().Draw(t, "remove") {
			k.Set[name] = nil
			delete(b.fields, name)
		} else {
			value := rapid.StringN(0, 4, -1).Draw(t, "value")
			k.Set[name] = []byte(value)
			b.fields[name] = value
		}
	}
	k.Trim = rapid.IntRange(0, 2).Draw(t, "trim")
	b.log = b.log[min(k.Trim, len(b.log)):]
	for range rapid.IntRange(0, 3).Draw(t, "appends") {
		entry := rapid.StringN(0, 4, -1).Draw(t, "entry")
		k.Append = append(k.Append, []byte(entry))
		b.log = append(slices.Clone(b.log), entry)
	}
	// Each conversation writes to its own chat, so that the order is known.
	for range rapid.IntRange(0, 2).Draw(t, "outs") {
		out := queue.Outgoing{Key: lane(c.d.Key.Owner), Item: item(m.drawID(t, "o"+c.d.Key.Owner))}
		k.Out = append(k.Out, out)
		to := m.box(out.Key)
		to.items = append(to.items, out.Item.ID)
	}
	c.commit(k)
	<-c.back
}

func (m *machine) fail(t *rapid.T) {
	c, b := m.drawHeld(t)
	class := rapid.SampledFrom([]fault.Class{fault.Retryable, fault.RateLimited, fault.NeedsHuman, fault.Permanent, fault.Bug}).Draw(t, "class")
	switch {
	case class == fault.RateLimited, class == fault.NeedsHuman:
		b.attempts--
	case class != fault.Retryable, b.attempts == modelAttempts:
		m.buryFirst(b)
	}
	c.fail(fault.New(class, "drawn", nil, fault.WithWait(time.Microsecond)))
	<-c.back
}

// lapse lets a holder fall silent; what it says then must change nothing.
func (m *machine) lapse(t *rapid.T) {
	if len(m.held) > 0 || rapid.IntRange(0, 2).Draw(t, "rarely") > 0 {
		t.Skip("not now")
	}
	m.drain(t)
	if len(m.free()) == 0 {
		t.Skip("nothing to take")
	}
	d := startDesk(t, m.q, queue.ConsumeOptions{
		Slots: 1, Batch: modelBatch, MaxAttempts: modelAttempts, Lease: m.h.lease() / 4, Heartbeat: forever,
	})
	defer d.abandon()
	c := m.receive(t, d)
	delete(m.held, c.d.Key)
	ended(c.ctx, t)
	d.cancel()
	c.commit(queue.Commit{Done: 1, Set: map[string][]byte{"x": []byte("stale")}, Append: bytesOf("stale"), Out: []queue.Outgoing{{Key: lane("a"), Item: item("stale")}}})
	d.stop()
}

// drain ends the Consume; what is held is handed back and does not count.
func (m *machine) drain(t *rapid.T) {
	if m.desk == nil {
		return
	}
	m.desk.t = t
	m.desk.cancel()
	for k, c := range m.held {
		ended(c.ctx, t)
		c.fail(c.ctx.Err())
		m.boxes[k].attempts--
	}
	m.desk.stop()
	m.desk = nil
	clear(m.held)
}

func (m *machine) reopen(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "rarely") > 0 {
		t.Skip("not now")
	}
	m.drain(t)
	m.q = m.h.Reopen(m.outer, m.q)
}

// finish works everything off and compares what is left.
func (m *machine) finish() {
	m.drain(m.T)
	for len(m.free()) > 0 {
		c := m.receive(m.T, m.open(m.T))
		b := m.boxes[c.d.Key]
		b.items, b.attempts = b.items[len(c.d.Items):], 0
		delete(m.held, c.d.Key)
		c.done(len(c.d.Items))
	}
	// What is left has used up its tries.
	for k, b := range m.boxes {
		if k.Box == queue.Inbox && len(b.items) > 0 {
			m.buryFirst(b)
		}
	}
	m.open(m.T)
	empty(m, m.q, queue.Inbox)
	m.drain(m.T)
	m.finishOutbox()
	got := make([]string, 0, len(m.dead))
	for _, d := range list(m, m.q, queue.Inbox) {
		got = append(got, d.Item.ID)
	}
	slices.Sort(got)
	slices.Sort(m.dead)
	if diff := cmp.Diff(append([]string{}, m.dead...), got); diff != "" {
		m.Fatalf("dead letters (-want +got):\n%s", diff)
	}
}

func (m *machine) finishOutbox() {
	want := map[string][]string{}
	total := 0
	for k, b := range m.boxes {
		if k.Box == queue.Outbox {
			want[k.Owner] = b.items
			total += len(b.items)
		}
	}
	got := map[string][]string{}
	d := startDesk(m, m.q, queue.ConsumeOptions{Box: queue.Outbox})
	defer d.abandon()
	for range total {
		c := d.next()
		got[c.d.Key.Owner] = append(got[c.d.Key.Owner], c.first())
		c.done(1)
	}
	empty(m, m.q, queue.Outbox)
	if diff := cmp.Diff(want, got); diff != "" {
		m.Fatalf("what went out of %v (-want +got):\n%s", slices.Sorted(maps.Keys(want)), diff)
	}
}
