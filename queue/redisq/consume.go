package redisq

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
	// firstWait and longestWait space the tries while Redis does not answer.
	firstWait   = 50 * time.Millisecond
	longestWait = 2 * time.Second
	// mostTaken bounds the mailboxes of one take.
	mostTaken = 32
)

// errHandedBack is why a handler's context ends when the grace of a drain is over.
var errHandedBack = errors.New("drained")

// consumer is one Consume.
type consumer struct {
	e *Engine
	o queue.ConsumeOptions
	h queue.Handler
	// ctx is that of Consume; base, of the handlers, outlives it by the grace.
	ctx, base context.Context
	// calls is for what is sent to Redis. The end of ctx does not cut it off: its outcome
	// would be unknown.
	calls context.Context
	// cancel ends the contexts of all its handlers.
	cancel context.CancelCauseFunc
	// free holds a token for each slot that nobody uses.
	free     chan struct{}
	handlers sync.WaitGroup
	// stop is closed when nothing new is taken.
	stop     chan struct{}
	stopOnce sync.Once

	mu    sync.Mutex
	fault error
}

// Consume hands the box's mailboxes to h. It returns nil when ctx ended, a fault
// when the engine was closed (queue.ErrClosed) or Redis refuses its user, in all
// cases only once every handler is back. While Redis does not answer it waits and
// goes on by itself.
func (e *Engine) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	if o.Box == "" || h == nil {
		return misuse("consume", "a box and a handler are needed")
	}
	c := e.newConsumer(ctx, o, h)
	defer c.cancel(nil)
	e.enlist(c)
	var fetchers, helpers sync.WaitGroup
	idle := make(chan struct{})
	helpers.Go(func() { c.watch(idle) })
	if c.o.Heartbeat <= c.o.Lease {
		helpers.Go(func() { c.beat(c.calls, idle) })
	}
	for _, s := range e.shards {
		fetchers.Go(func() { c.fetch(c.calls, s) })
	}
	fetchers.Wait()
	e.strike(c)
	c.handlers.Wait()
	close(idle)
	helpers.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil && e.isClosed() && ctx.Err() == nil {
		return closed("consume")
	}
	return c.fault
}

func (e *Engine) newConsumer(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) *consumer {
	c := &consumer{e: e, o: o.WithDefaults(), h: h, ctx: ctx, calls: context.WithoutCancel(ctx), stop: make(chan struct{})}
	c.base, c.cancel = context.WithCancelCause(c.calls)
	c.free = make(chan struct{}, c.o.Slots)
	for range c.o.Slots {
		c.free <- struct{}{}
	}
	return c
}

// watch ends the consumer: at the end of ctx with grace, else at once.
func (c *consumer) watch(idle <-chan struct{}) {
	var cause error
	select {
	case <-c.ctx.Done():
		cause = errHandedBack
	case <-c.e.closing:
		cause = closed("consume")
	case <-c.stop:
		cause = errHandedBack
	}
	c.halt()
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

func (c *consumer) halt() { c.stopOnce.Do(func() { close(c.stop) }) }

// over tells whether the consumer takes nothing new. The end of ctx is seen here
// at once, not only when watch has come to it.
func (c *consumer) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return c.ctx.Err() != nil || c.e.isClosed()
	}
}

// breakOff ends the consumer with a fault.
func (c *consumer) breakOff(err error) {
	c.mu.Lock()
	if c.fault == nil {
		c.fault = err
	}
	c.mu.Unlock()
	c.halt()
}

// acquire waits for a free slot and takes as many as there are; 0 means the end.
func (c *consumer) acquire() int {
	select {
	case <-c.free:
	case <-c.stop:
		return 0
	}
	n := 1
	for n < mostTaken {
		select {
		case <-c.free:
			n++
			continue
		default:
		}
		break
	}
	return n
}

func (c *consumer) release(n int) {
	for range n {
		c.free <- struct{}{}
	}
}

// fetch takes mailboxes of one shard for the free slots.
func (c *consumer) fetch(ctx context.Context, s *shard) {
	w := c.e.waker(c.o.Box, s)
	wait := firstWait
	for {
		n := c.acquire()
		if n == 0 || c.over() {
			c.release(n)
			return
		}
		got, next, err := c.take(ctx, s, n)
		for _, l := range got {
			c.handlers.Go(func() {
				defer c.release(1)
				c.serve(ctx, l)
			})
		}
		c.release(n - len(got))
		if err != nil {
			if !c.endures("take", err) || !c.e.pause(c.stop, wait) {
				return
			}
			wait = min(2*wait, longestWait)
			continue
		}
		wait = firstWait
		if next != 0 {
			w.wait(c.stop, next)
		}
	}
}

// endures tells whether work goes on after a failure that is not of a delivery.
func (c *consumer) endures(what string, err error) bool {
	if errors.Is(err, queue.ErrClosed) {
		return false
	}
	c.e.complain(what, err)
	if fault.ClassOf(err) == fault.NeedsHuman {
		c.breakOff(err)
		return false
	}
	return true
}

// serve works through a mailbox, as long as its commits hand on the next delivery.
func (c *consumer) serve(ctx context.Context, l *lease) {
	for l != nil {
		l = c.turn(ctx, l)
	}
}

// turn runs the handler on a lease and does what came of it. It gives the lease of
// the mailbox's next delivery, nil for none.
func (c *consumer) turn(ctx context.Context, l *lease) *lease {
	defer l.end()
	if l.delivery.Attempt > c.o.MaxAttempts {
		if l.finish() {
			return c.write(ctx, l, queue.Commit{Done: 1, Bury: fmt.Sprintf("its holder died or fell silent in each of %d attempts", c.o.MaxAttempts)})
		}
		return nil
	}
	if c.o.Effects {
		c.e.settle(l.ctx, l.mb.shard) //nolint:contextcheck // a handler's context ends with its lease
	}
	commit, err := c.h.Call(l.ctx, l.delivery, c.e.log) //nolint:contextcheck // a handler's context ends with its lease
	if !l.finish() {
		c.e.log.Debug().Str("box", string(c.o.Box)).Msg("lease lost, result dropped")
		return nil
	}
	if err == nil {
		return c.write(ctx, l, commit)
	}
	return c.fail(ctx, l, err)
}

// fail does what the class of the handler's error asks for.
func (c *consumer) fail(ctx context.Context, l *lease, err error) *lease {
	wait := fault.Wait(err)
	class := fault.ClassOf(err)
	if l.ctx.Err() != nil && class == fault.Retryable {
		c.giveBack(ctx, l, 0)
		return nil
	}
	switch class {
	case fault.RateLimited:
		c.giveBack(ctx, l, or(wait, limitedWait))
		return nil
	case fault.NeedsHuman:
		c.giveBack(ctx, l, or(wait, humanWait))
		return nil
	case fault.Retryable:
		if !l.delivery.Last {
			c.retry(ctx, l, l.delivery.Attempt, or(wait, c.o.Backoff(l.delivery.Attempt)))
			return nil
		}
	case fault.Permanent, fault.Bug:
		c.e.log.Error().Err(err).Str("box", string(c.o.Box)).Str("class", class.String()).Msg("item buried")
	}
	return c.write(ctx, l, queue.Commit{Done: 1, Bury: err.Error()})
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// giveBack ends the lease as if it had not been taken, but for a wait.
func (c *consumer) giveBack(ctx context.Context, l *lease, wait time.Duration) {
	c.retry(ctx, l, l.delivery.Attempt-1, wait)
}

// retry ends the lease; the first item comes again after the wait.
func (c *consumer) retry(ctx context.Context, l *lease, tries int, wait time.Duration) {
	release := l.releaseCall(tries, wait)
	c.insist("release", func() error {
		_, err := c.e.run(ctx, "release", release.script, release.keys, release.args...)
		return err
	})
	c.e.keep(l.mb, l.mem)
}

// insist does something that ends a lease until Redis answers, since the lease is
// judged by its token, not by its time. It gives up when the grace of a drain is
// over or the engine is closed: then the lease lapses.
func (c *consumer) insist(what string, try func() error) bool {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := try()
		if err == nil {
			return true
		}
		if !c.endures(what, err) || !c.e.pause(c.base.Done(), wait) {
			return false
		}
	}
}
