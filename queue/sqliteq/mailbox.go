package sqliteq

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/queue"
)

// state of a mailbox in process.
type state uint8

const (
	// idle: nothing waits.
	idle state = iota
	// ready: in its box's list, waiting for a slot.
	ready
	// delayed: on the clock, for a settle or a retry.
	delayed
	// leased: a handler holds it; on the clock where its lease may lapse.
	leased
)

// item is a waiting item.
type item struct {
	seq int64
	in  queue.Item
	at  time.Time
	// tries counts the takings as first item; retryAt is when the next may be.
	tries   int
	retryAt time.Time
	note    []byte
	// place is where it stands in box.waits.
	place *list.Element
}

// mailbox is a key's mailbox in process. All fields are guarded by Engine.mu.
type mailbox struct {
	key queue.Key
	box *box
	// id is the row of the mailbox; 0 until it is known.
	id    int64
	state state
	items []*item
	// mem is nil when it is not in process; the holder of the lease loads it.
	mem   *memory
	lease *lease
	// pinned counts the operations under way that will come back to it.
	pinned int
	// claimed counts publishes under way, for the bound.
	claimed int
	// turns counts its deliveries in a row.
	turns int
	// due is when the clock rings for it, at place in the heap.
	due   time.Time
	place int

	inReady *list.Element
	inCache *list.Element
	cost    int64
}

// box is what the engine knows of one box. Guarded by Engine.mu.
type box struct {
	name queue.Box
	// wake tells consumers that the ready list grew or that they should end.
	wake   *sync.Cond
	ready  *list.List
	waits  *list.List // of *item, oldest first
	counts [leased + 1]int
	dead   int
}

// lease is one taking of a mailbox.
type lease struct {
	mb       *mailbox
	token    queue.Token
	ctx      context.Context
	cancel   context.CancelCauseFunc
	delivery queue.Delivery
	items    []*item
	// finishing is set once the handler is back: the lease cannot lapse any more.
	finishing bool
}

// readyAt is when the first waiting item may be taken: after the retry's wait,
// and after the settle of each item in the leading run of those that ask for one.
func (mb *mailbox) readyAt() time.Time {
	at := mb.items[0].retryAt
	for _, it := range mb.items {
		if it.in.Settle <= 0 {
			break
		}
		if t := it.at.Add(it.in.Settle); t.After(at) {
			at = t
		}
	}
	return at
}

// boxOf finds or makes a box.
func (e *Engine) boxOf(name queue.Box) *box {
	b := e.boxes[name]
	if b == nil {
		b = &box{name: name, wake: sync.NewCond(&e.mu), ready: list.New(), waits: list.New()}
		e.boxes[name] = b
	}
	return b
}

// pin finds or makes the mailbox of a key and keeps it in process until unpin.
func (e *Engine) pin(key queue.Key) *mailbox {
	mb := e.mailboxes[key]
	if mb == nil {
		mb = &mailbox{key: key, box: e.boxOf(key.Box), place: -1}
		e.mailboxes[key] = mb
	}
	mb.pinned++
	return mb
}

func (e *Engine) unpin(mb *mailbox) {
	mb.pinned--
	e.forget(mb)
}

// forget drops a mailbox from process when nothing needs it there.
func (e *Engine) forget(mb *mailbox) {
	if mb.state == idle && mb.pinned == 0 && mb.mem == nil {
		delete(e.mailboxes, mb.key)
	}
}

// admit appends a stored item.
func (e *Engine) admit(mb *mailbox, it *item) {
	it.place = mb.box.waits.PushBack(it)
	mb.items = append(mb.items, it)
	e.waiting++
	if mb.state != leased {
		e.arrange(mb)
	}
}

// drop removes the first n items.
func (e *Engine) drop(mb *mailbox, n int) {
	for i, it := range mb.items[:n] {
		mb.box.waits.Remove(it.place)
		mb.items[i] = nil
	}
	mb.items = mb.items[n:]
	if len(mb.items) == 0 {
		mb.items = nil
	}
	e.waiting -= n
}

// release ends the lease of a mailbox and puts the mailbox where it belongs.
func (e *Engine) release(mb *mailbox) {
	mb.lease = nil
	e.arrange(mb)
	e.remember(mb)
}

// arrange gives a mailbox that nobody holds its state: idle, delayed or ready. A
// mailbox with turns left goes to the front, so that it is taken next.
func (e *Engine) arrange(mb *mailbox) {
	if len(mb.items) == 0 {
		e.enter(mb, idle)
		return
	}
	if at := mb.readyAt(); at.After(time.Now()) {
		e.enter(mb, delayed)
		e.ring(mb, at)
		return
	}
	if mb.state == ready {
		return
	}
	again := mb.state == leased && mb.turns > 0
	e.enter(mb, ready)
	if again {
		mb.inReady = mb.box.ready.PushFront(mb)
	} else {
		mb.inReady = mb.box.ready.PushBack(mb)
	}
	mb.box.wake.Signal()
}

// enter changes the state and leaves what the old one meant.
func (e *Engine) enter(mb *mailbox, s state) {
	if mb.inReady != nil {
		mb.box.ready.Remove(mb.inReady)
		mb.inReady = nil
	}
	e.unring(mb)
	if mb.state != idle {
		mb.box.counts[mb.state]--
	}
	if s != idle {
		mb.box.counts[s]++
	}
	if s == idle || s == delayed {
		mb.turns = 0
	}
	mb.state = s
}

// remember puts the memory of a mailbox that nobody holds into the cache and
// evicts those used longest ago.
func (e *Engine) remember(mb *mailbox) {
	if mb.mem != nil && mb.inCache == nil {
		mb.cost = mb.mem.size
		mb.inCache = e.cache.PushFront(mb)
		e.cached += mb.cost
	}
	for e.cached > e.o.MemoryCache {
		old, _ := e.cache.Back().Value.(*mailbox)
		e.uncache(old)
		old.mem = nil
		e.forget(old)
	}
	e.forget(mb)
}

func (e *Engine) uncache(mb *mailbox) {
	if mb.inCache != nil {
		e.cache.Remove(mb.inCache)
		mb.inCache = nil
		e.cached -= mb.cost
	}
}
