package slack

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// EventKind tells what a channel showed.
type EventKind string

// The kinds of events.
const (
	EventMessage  EventKind = "message"  // a new message, by the bot or a person
	EventEdited   EventKind = "edited"   // a message changed
	EventDeleted  EventKind = "deleted"  // a message is gone; only TS is set
	EventReaction EventKind = "reaction" // the reactions of a message changed
	EventStatus   EventKind = "status"   // the bot says what it is doing in a thread
)

// Event is one thing that a channel showed. Seq counts all events from one.
type Event struct {
	Seq     int64     `json:"seq"`
	Kind    EventKind `json:"kind"`
	At      time.Time `json:"at"`
	Channel string    `json:"channel"`
	Thread  string    `json:"thread,omitempty"`
	TS      string    `json:"ts,omitempty"`
	Message *Posted   `json:"message,omitempty"`
	Status  string    `json:"status,omitempty"`
}

// Call is one call of the Web API in the transcript.
type Call struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"` // when it arrived
	Method  string    `json:"method"`
	Channel string    `json:"channel,omitempty"`
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"`
	// Fault is the injected fault that met the call. With FaultDropAfter, OK tells what
	// the caller never learned.
	Fault FaultKind `json:"fault,omitempty"`
	// Params are the arguments without tokens; long values are cut.
	Params map[string]string `json:"params,omitempty"`
}

// longParam bounds a value kept in the transcript, in bytes.
const longParam = 8 << 10

// feed keeps what happened and tells those who wait for it.
type feed struct {
	mu       sync.Mutex
	events   ring[Event]
	calls    ring[Call]
	eventSeq int64
	callSeq  int64
	subs     map[*Subscription]struct{}
	waiters  map[chan struct{}]struct{}
	closed   bool
}

// ring keeps the newest entries, at most max of them.
type ring[T any] struct {
	max     int
	entries []T
	next    int // the oldest entry once the ring is full
}

func (r *ring[T]) add(v T) {
	if len(r.entries) < r.max {
		r.entries = append(r.entries, v)
		return
	}
	r.entries[r.next] = v
	r.next = (r.next + 1) % r.max
}

func (r *ring[T]) list() []T { return slices.Concat(r.entries[r.next:], r.entries[:r.next]) }

func newFeed(events, calls int) *feed {
	return &feed{
		events: ring[Event]{max: events}, calls: ring[Call]{max: calls},
		subs: map[*Subscription]struct{}{}, waiters: map[chan struct{}]struct{}{},
	}
}

// publish tells an event.
func (f *feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.eventSeq++
	e.Seq = f.eventSeq
	f.events.add(e)
	for sub := range f.subs {
		select {
		case sub.events <- e:
		default:
			sub.lost.Add(1)
		}
	}
	f.signal()
}

// record adds a call that ended to the transcript.
func (f *feed) record(c Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callSeq++
	c.Seq = f.callSeq
	f.calls.add(c)
	f.signal()
}

// touch makes those who wait look again.
func (f *feed) touch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signal()
}

func (f *feed) signal() {
	for w := range f.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for sub := range f.subs {
		close(sub.events)
	}
	clear(f.subs)
	f.signal()
}

// Calls gives the transcript in the order the calls ended, oldest first.
func (s *Server) Calls() []Call {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.calls.list()
}

// CallsOf gives the calls of one method, oldest first.
func (s *Server) CallsOf(method string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Method != method })
}

// Events gives the kept events with a sequence number above after, oldest first.
func (s *Server) Events(after int64) []Event {
	s.feed.mu.Lock()
	all := s.feed.events.list()
	s.feed.mu.Unlock()
	i, _ := slices.BinarySearchFunc(all, after+1, func(e Event, seq int64) int { return cmp.Compare(e.Seq, seq) })
	return all[i:]
}

// Subscription is a stream of events from its start on.
type Subscription struct {
	// C gives the events. It is closed by Close and with the server.
	C <-chan Event

	events chan Event
	lost   atomic.Int64
	feed   *feed
}

// Subscribe streams events through a channel with the given buffer. Events that find it
// full are dropped and counted, so that a slow reader never holds the server up.
func (s *Server) Subscribe(buffer int) *Subscription {
	sub := &Subscription{events: make(chan Event, buffer), feed: s.feed}
	sub.C = sub.events
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.feed.closed {
		close(sub.events)
		return sub
	}
	s.feed.subs[sub] = struct{}{}
	return sub
}

// Lost counts the events that the reader was too slow for.
func (sub *Subscription) Lost() int64 { return sub.lost.Load() }

// Close ends the stream. It may be called again.
func (sub *Subscription) Close() {
	sub.feed.mu.Lock()
	defer sub.feed.mu.Unlock()
	if _, open := sub.feed.subs[sub]; open {
		delete(sub.feed.subs, sub)
		close(sub.events)
	}
}

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = errors.New("slack simulator: server closed")

// Wait returns nil as soon as cond holds. It is asked at once and after every event,
// call and delivery; it may use all other methods. When ctx ends first, its error is
// returned; when the server closes first, ErrClosed.
func (s *Server) Wait(ctx context.Context, cond func() bool) error {
	wake := make(chan struct{}, 1)
	s.feed.mu.Lock()
	s.feed.waiters[wake] = struct{}{}
	s.feed.mu.Unlock()
	defer func() {
		s.feed.mu.Lock()
		delete(s.feed.waiters, wake)
		s.feed.mu.Unlock()
	}()
	for !cond() {
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return ErrClosed
		}
	}
	return nil
}
