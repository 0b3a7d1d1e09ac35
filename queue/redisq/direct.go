package redisq

import (
	"time"

	"github.com/parley-hub/parley/queue"
)

// direct is a free slot of this process for the mailbox that an item is published into:
// where nobody stands before it, the item is worked on here at once, without the way of a
// hint, a take and a load. Where the answer is lost the lease lapses, which is short at first
// (atFirst).
type direct struct {
	c     *consumer
	mb    *mailbox
	mem   *memory
	began time.Time
}

// direct gives nil where the item settles, or no consumer of the box has a slot to spare.
func (e *Engine) direct(mb *mailbox, in queue.Item) *direct {
	if in.Settle > 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.consumers[mb.key.Box] {
		if c.spare() {
			return &direct{c: c, mb: mb, mem: e.memos.take(mb.id), began: time.Now()}
		}
	}
	return nil
}

// args are what publish takes of it.
func (d *direct) args() []any {
	if d == nil {
		return []any{"", "", ""}
	}
	version := ""
	if d.mem != nil {
		version = d.mem.version
	}
	return []any{micros(d.c.atFirst()), d.c.o.Batch, version}
}

// answered works on what publish gave, or gives the slot back.
func (d *direct) answered(answer any) {
	taken := array(answer)
	if len(taken) != 2 || len(array(taken[1])) == 0 {
		if d.mem != nil {
			d.c.e.memos.restore(d.mb.id, d.mem)
		}
		d.end()
		return
	}
	l, err := d.c.newLease(array(taken[1]), str(taken[0]), d.mem, d.began, d.c.atFirst())
	if err != nil {
		d.c.endures("publish", err)
		d.end()
		return
	}
	go func() {
		defer d.end()
		d.c.serve(d.c.calls, l)
	}()
}

// directFor bounds the first lease of what Publish took: where its answer is lost, as those
// of all calls are while Redis hangs, the mailbox comes back this soon.
const directFor = 3 * time.Second

// atFirst is how long a mailbox that Publish took is leased before the first heartbeat.
func (c *consumer) atFirst() time.Duration {
	if c.o.Heartbeat > c.o.Lease {
		return c.o.Lease // there are none
	}
	return min(c.o.Lease, directFor)
}

func (d *direct) end() {
	d.c.release(1)
	d.c.handlers.Done()
}

// enlist lets Publish find the consumer, until it is struck off.
func (e *Engine) enlist(c *consumer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.consumers[c.o.Box] = append(e.consumers[c.o.Box], c)
}

func (e *Engine) strike(c *consumer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := e.consumers[c.o.Box][:0:0]
	for _, other := range e.consumers[c.o.Box] {
		if other != c {
			left = append(left, other)
		}
	}
	e.consumers[c.o.Box] = left
}

// spare takes a free slot for what is published by this process, while half of them are
// free: of more work than that, other nodes may have their share. Work with effects on others waits
// for replicas first, and is left to fetch. The caller holds the engine's lock, so that
// nothing is added once the consumer is struck off and its handlers are waited for.
func (c *consumer) spare() bool {
	if c.o.Effects || c.over() || 2*len(c.free) < c.o.Slots {
		return false
	}
	select {
	case <-c.free:
		c.handlers.Add(1)
		return true
	default:
		return false
	}
}
