package sqliteq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	// limitedWait and humanWait are for faults that do not say how long to wait.
	limitedWait = 5 * time.Second
	humanWait   = 30 * time.Second
	// firstWait and longestWait space the tries to write while the disk is full.
	firstWait   = 50 * time.Millisecond
	longestWait = 5 * time.Second
)

// errHandedBack is why a handler's context ends when the grace of a drain is over.
var errHandedBack = errors.New("drained")

// consumer is one Consume.
type consumer struct {
	e   *Engine
	o   queue.ConsumeOptions
	h   queue.Handler
	box *box
	// ctx is that of Consume; base, of the handlers, outlives it by the grace.
	ctx, base context.Context
	// cancel ends the contexts of all its handlers.
	cancel context.CancelCauseFunc
	broken chan struct{}

	// stopping and fault are guarded by Engine.mu.
	stopping bool
	fault    error
}

// Consume hands the box's mailboxes to h. It returns nil when ctx ended, a fault
// when the engine was closed (queue.ErrClosed) or its journal is damaged, in all
// cases only once every handler is back.
func (e *Engine) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	if o.Box == "" || h == nil {
		return misuse("consume", "a box and a handler are needed")
	}
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	e.mu.Lock()
	c := &consumer{e: e, o: o.WithDefaults(), h: h, box: e.boxOf(o.Box), ctx: ctx, base: base, cancel: cancel, broken: make(chan struct{})}
	e.mu.Unlock()
	var workers, watch sync.WaitGroup
	idle := make(chan struct{})
	watch.Go(func() { c.watch(idle) })
	for range c.o.Slots {
		workers.Go(c.work)
	}
	workers.Wait()
	close(idle)
	watch.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.fault == nil && e.closed && ctx.Err() == nil {
		return closed("consume")
	}
	return c.fault
}

// watch ends the consumer: at the end of ctx with grace, else at once.
func (c *consumer) watch(idle <-chan struct{}) {
	var cause error
	select {
	case <-c.ctx.Done():
		cause = errHandedBack
	case <-c.e.closing:
		cause = closed("consume")
	case <-c.broken:
		cause = errHandedBack
	}
	c.e.mu.Lock()
	c.stopping = true
	c.box.wake.Broadcast()
	c.e.mu.Unlock()
	if c.ctx.Err() != nil {
		grace := time.NewTimer(c.o.Grace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-c.e.closing:
			cause = closed("consume")
		case <-idle:
			return
		}
	}
	c.cancel(cause)
}

// work is one slot.
func (c *consumer) work() {
	for {
		l := c.take()
		if l == nil {
			return
		}
		c.serve(l)
	}
}

// over tells whether the consumer takes nothing new. The end of ctx is seen here
// at once, not only when watch has come to it.
func (c *consumer) over() bool { return c.stopping || c.e.closed || c.ctx.Err() != nil }

// take leases the next ready mailbox; nil when the consumer should end.
func (c *consumer) take() *lease {
	e := c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	for !c.over() && c.box.ready.Len() == 0 {
		c.box.wake.Wait()
	}
	if c.over() {
		// The signal that woke it may have been meant for another consumer.
		c.box.wake.Signal()
		return nil
	}
	mb, _ := c.box.ready.Front().Value.(*mailbox)
	e.enter(mb, leased)
	e.uncache(mb)
	mb.turns = (mb.turns + 1) % c.o.Turns
	e.lastToken++
	l := &lease{mb: mb, token: e.lastToken}
	l.items = mb.items[:min(len(mb.items), c.o.Batch)]
	l.ctx, l.cancel = context.WithCancelCause(c.base)
	mb.lease = l
	first := l.items[0]
	attempt := first.tries + 1
	first.tries = min(attempt, c.o.MaxAttempts)
	first.retryAt = time.Time{}
	l.delivery = queue.Delivery{
		Key: mb.key, Since: first.at, Attempt: attempt, Last: attempt >= c.o.MaxAttempts,
		Token: l.token, Note: first.note, Left: func() time.Duration { return c.left(l) },
		SetNote: func(ctx context.Context, note []byte) error { return e.setNote(ctx, l, note) },
	}
	if c.o.Heartbeat > c.o.Lease {
		e.ring(mb, time.Now().Add(c.o.Lease))
	}
	return l
}

// serve runs the handler on a lease and does what came of it.
func (c *consumer) serve(l *lease) {
	defer l.cancel(nil)
	if err := c.prepare(l); err != nil {
		c.e.log.Error().Err(err).Str("box", string(c.box.name)).Msg("memory not read")
		if c.finish(l) {
			c.giveBack(l, longestWait)
		}
		return
	}
	if l.delivery.Attempt > c.o.MaxAttempts {
		if c.finish(l) {
			c.write(l, queue.Commit{Done: 1, Bury: fmt.Sprintf("its holder died or fell silent in each of %d attempts", c.o.MaxAttempts)})
		}
		return
	}
	c.e.noteState(l.items[0])
	commit, err := c.h.Call(l.ctx, l.delivery, c.e.log)
	if !c.finish(l) {
		c.e.log.Debug().Str("box", string(c.box.name)).Msg("lease lost, result dropped")
		return
	}
	if err == nil {
		c.write(l, commit)
		return
	}
	c.fail(l, err)
}

// prepare fills in what the handler gets.
func (c *consumer) prepare(l *lease) error {
	l.delivery.Items = make([]queue.Item, len(l.items))
	for i, it := range l.items {
		l.delivery.Items[i] = it.in
	}
	c.e.mu.Lock()
	mem, id := l.mb.mem, l.mb.id
	c.e.mu.Unlock()
	if mem == nil {
		var err error
		if mem, err = c.e.j.loadMemory(context.WithoutCancel(l.ctx), id); err != nil {
			return classify("load memory", err)
		}
		c.e.mu.Lock()
		if l.mb.lease == l {
			l.mb.mem = mem
		}
		c.e.mu.Unlock()
	}
	l.delivery.Memory = mem.view
	return nil
}

// finish keeps the lease from lapsing, and tells false when it is lost already.
func (c *consumer) finish(l *lease) bool {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	if l.mb.lease != l {
		return false
	}
	l.finishing = true
	c.e.unring(l.mb)
	return true
}

// left is Delivery.Left. There is no other process, so a lease whose heart beats holds.
func (c *consumer) left(l *lease) time.Duration {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	switch {
	case l.mb.lease != l, l.finishing, l.ctx.Err() != nil:
		return 0
	case c.o.Heartbeat > c.o.Lease:
		return max(time.Until(l.mb.due), 0)
	default:
		return c.o.Lease
	}
}

// fail does what the class of the handler's error asks for.
func (c *consumer) fail(l *lease, err error) {
	wait := fault.Wait(err)
	class := fault.ClassOf(err)
	if l.ctx.Err() != nil && class == fault.Retryable {
		c.giveBack(l, 0)
		return
	}
	switch class {
	case fault.RateLimited:
		c.giveBack(l, or(wait, limitedWait))
	case fault.NeedsHuman:
		c.giveBack(l, or(wait, humanWait))
	case fault.Retryable:
		if !l.delivery.Last {
			c.retry(l, l.delivery.Attempt, or(wait, c.o.Backoff(l.delivery.Attempt)))
			return
		}
		c.write(l, queue.Commit{Done: 1, Bury: err.Error()})
	case fault.Permanent, fault.Bug:
		c.e.log.Error().Err(err).Str("box", string(c.box.name)).Str("class", class.String()).Msg("item buried")
		c.write(l, queue.Commit{Done: 1, Bury: err.Error()})
	}
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// giveBack ends the lease as if it had not been taken, but for a wait.
func (c *consumer) giveBack(l *lease, wait time.Duration) { c.retry(l, l.delivery.Attempt-1, wait) }

// retry ends the lease; the first item comes again after the wait.
func (c *consumer) retry(l *lease, tries int, wait time.Duration) {
	e, first := c.e, l.items[0]
	e.mu.Lock()
	first.tries = tries
	if wait > 0 {
		first.retryAt = time.Now().Add(wait)
	}
	e.mu.Unlock()
	e.noteState(first)
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.mb.lease == l {
		e.release(l.mb)
	}
}

// write commits, and tries again while the disk is full: what a handler did
// must not be done twice for the disk's sake.
func (c *consumer) write(l *lease, commit queue.Commit) {
	began := time.Now()
	op := c.e.newCommit(l, commit)
	defer op.letGo()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := c.e.submit(context.WithoutCancel(l.ctx), "commit", op)
		if err == nil {
			err = c.e.await(context.WithoutCancel(l.ctx), "commit", op.done)
		}
		if err == nil && commit.Then != nil {
			commit.Then(time.Since(began))
		}
		if err == nil || errors.Is(err, queue.ErrClosed) {
			return
		}
		c.e.log.Error().Err(err).Str("box", string(c.box.name)).Msg("commit failed")
		if fault.ClassOf(err) == fault.NeedsHuman {
			c.breakOff(err)
		}
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-l.ctx.Done():
			again.Stop()
			c.giveBack(l, 0)
			return
		}
	}
}

// breakOff ends the consumer with a fault.
func (c *consumer) breakOff(err error) {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	if c.fault == nil {
		c.fault = err
		close(c.broken)
	}
}
