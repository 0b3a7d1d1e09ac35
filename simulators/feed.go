package simulators

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = errors.New("simulator: server closed")

// Transcript is what happened on a server, for those who watch: events E and calls C. All
// methods are safe for concurrent use. A Feed makes and fills it.
type Transcript[E, C any] struct {
	mu      sync.Mutex
	events  ring[E]
	calls   ring[C]
	subs    map[*Subscription[E]]struct{}
	waiters map[chan struct{}]struct{}
	closed  chan struct{} // closed with the feed
}

// ring keeps the newest entries, at most max of them.
type ring[T any] struct {
	max     int
	entries []T
	next    int   // the oldest entry once the ring is full
	last    int64 // the sequence number of the newest, whether it is kept or not
}

// add makes an entry with the next sequence number.
func (r *ring[T]) add(entry func(seq int64) T) T {
	r.last++
	v := entry(r.last)
	switch {
	case len(r.entries) < r.max:
		r.entries = append(r.entries, v)
	case r.max > 0:
		r.entries[r.next] = v
		r.next = (r.next + 1) % r.max
	}
	return v
}

// after lists the entries with a sequence number above seq, oldest first.
func (r *ring[T]) after(seq int64) []T {
	kept := len(r.entries)
	n := int(min(max(r.last-max(seq, 0), 0), int64(kept))) // the numbers have no gaps
	out := make([]T, n)
	for i := range out {
		out[i] = r.entries[(r.next+kept-n+i)%kept]
	}
	return out
}

// Calls gives the calls in the order they ended, oldest first.
func (t *Transcript[E, C]) Calls() []C {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.after(0)
}

// Events gives the kept events with a sequence number above after, oldest first.
func (t *Transcript[E, C]) Events(after int64) []E {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events.after(after)
}

// Subscription is a stream of events from its start on.
type Subscription[E any] struct {
	// C gives the events. It is closed by Close and with the server.
	C <-chan E

	events chan E
	lost   atomic.Int64
	leave  func()
}

// Lost counts the events that the reader was too slow for.
func (sub *Subscription[E]) Lost() int64 { return sub.lost.Load() }

// Close ends the stream. It may be called again.
func (sub *Subscription[E]) Close() { sub.leave() }

// Subscribe streams events through a channel with the given buffer. Events that find it full are
// dropped and counted, so that a slow reader never holds the server up.
func (t *Transcript[E, C]) Subscribe(buffer int) *Subscription[E] {
	sub := &Subscription[E]{events: make(chan E, buffer)}
	sub.C = sub.events
	sub.leave = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.end(sub)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs[sub] = struct{}{}
	if t.over() {
		t.end(sub)
	}
	return sub
}

// end closes a subscription once. t.mu is held.
func (t *Transcript[E, C]) end(sub *Subscription[E]) {
	if _, open := t.subs[sub]; open {
		delete(t.subs, sub)
		close(sub.events)
	}
}

func (t *Transcript[E, C]) over() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// Wait returns nil as soon as cond holds. It is asked at once and after everything that
// happens on the server: an event, a call that ended, a fault that was met, a change of who is
// connected or of what waits to be delivered. cond may use all other methods. When ctx ends
// first, its error is returned; when the server closes first, ErrClosed.
func (t *Transcript[E, C]) Wait(ctx context.Context, cond func() bool) error {
	wake := make(chan struct{}, 1)
	t.mu.Lock()
	t.waiters[wake] = struct{}{}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.waiters, wake)
		t.mu.Unlock()
	}()
	for !cond() {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.closed:
			return ErrClosed
		}
	}
	return nil
}

// Feed is the writing side of a Transcript. Its methods take no lock but its own, so a server
// may call them with its locks held.
type Feed[E, C any] struct {
	*Transcript[E, C]
}

// NewFeed makes a feed that keeps so many events and calls. A bound of zero or less keeps none.
func NewFeed[E, C any](maxEvents, maxCalls int) *Feed[E, C] {
	return &Feed[E, C]{&Transcript[E, C]{
		events: ring[E]{max: maxEvents}, calls: ring[C]{max: maxCalls},
		subs: map[*Subscription[E]]struct{}{}, waiters: map[chan struct{}]struct{}{}, closed: make(chan struct{}),
	}}
}

// Publish tells an event. It is made with its sequence number, which counts all events from one.
func (f *Feed[E, C]) Publish(event func(seq int64) E) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.events.add(event)
	for sub := range f.subs {
		select {
		case sub.events <- e:
		default:
			sub.lost.Add(1)
		}
	}
	f.wake()
}

// Record adds a call that ended. It is made with its sequence number, which counts all calls
// from one.
func (f *Feed[E, C]) Record(call func(seq int64) C) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls.add(call)
	f.wake()
}

// Touch makes those who wait look again.
func (f *Feed[E, C]) Touch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake()
}

// wake tells those who wait. f.mu is held.
func (f *Feed[E, C]) wake() {
	for w := range f.waiters {
		select {
		case w <- struct{}{}:
		default: // it was told already
		}
	}
}

// Close ends all subscriptions and waits. The transcript can still be read. It may be called
// again.
func (f *Feed[E, C]) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over() {
		return
	}
	close(f.closed)
	for sub := range f.subs {
		f.end(sub)
	}
}
