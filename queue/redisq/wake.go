package redisq

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/queue"
)

// waker waits for the wake hints of one box in one shard, on behalf of all
// consumers of this process that have nothing to do there. A lost hint costs no
// more than blockFor, since every waiter also looks again by itself.
type waker struct {
	e *Engine
	// key is the wake list.
	key string

	mu      sync.Mutex
	waiters map[chan struct{}]struct{}
	// called tells that somebody waits.
	called chan struct{}
}

// waker finds or starts the waker of a box in a shard. It ends with the engine.
func (e *Engine) waker(box queue.Box, s *shard) *waker {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := s.wake(box)
	w := e.wakers[key]
	if w == nil {
		w = &waker{e: e, key: key, waiters: map[chan struct{}]struct{}{}, called: make(chan struct{}, 1)}
		e.wakers[key] = w
		if !e.isClosed() {
			e.tasks.Go(w.run)
		}
	}
	return w
}

// wait returns after a hint, or at most.
func (w *waker) wait(stop <-chan struct{}, most time.Duration) {
	hint := make(chan struct{}, 1)
	w.mu.Lock()
	w.waiters[hint] = struct{}{}
	w.mu.Unlock()
	select {
	case w.called <- struct{}{}:
	default:
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-hint:
	case <-timer.C:
	case <-stop:
	}
	w.mu.Lock()
	delete(w.waiters, hint)
	w.mu.Unlock()
}

// wake gives a hint to all who wait, and tells whether there was one.
func (w *waker) wake() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for hint := range w.waiters {
		select {
		case hint <- struct{}{}:
		default:
		}
	}
	return len(w.waiters) > 0
}

func (w *waker) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiters) == 0
}

// run blocks on the wake list while somebody waits.
func (w *waker) run() {
	ctx := w.e.life
	for {
		if w.idle() {
			select {
			case <-w.called:
				continue
			case <-w.e.closing:
				return
			}
		}
		_, err := w.e.rdb.BLPop(ctx, blockFor, w.key).Result()
		switch {
		case w.e.isClosed():
			return
		case err == nil:
			if !w.wake() {
				w.pass(ctx)
			}
		case !errors.Is(err, redis.Nil):
			if !w.e.pause(nil, firstWait) {
				return
			}
		}
	}
}

// pass gives a hint that nobody here needs to another node.
func (w *waker) pass(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, w.e.o.Timeout)
	defer cancel()
	if err := w.e.rdb.RPush(within, w.key, "1").Err(); err != nil {
		w.e.log.Debug().Err(err).Msg("wake hint lost")
	}
}
