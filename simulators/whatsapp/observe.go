package whatsapp

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// EventKind tells what happened in a chat.
type EventKind string

// The kinds of events.
const (
	EventMessage EventKind = "message" // a new message, of the business or of a person
	EventStatus  EventKind = "status"  // how far a message of the business came, in Status
	EventRead    EventKind = "read"    // the business read a message
	EventTyping  EventKind = "typing"  // the business read a message and shows that it types
)

// Event is one thing that happened. Seq counts all events of the server from one.
type Event struct {
	Seq       int64
	Kind      EventKind
	At        time.Time
	Number    string
	Person    string
	MessageID string
	Message   *Posted
	Status    string
}

// Call is one API call in the transcript.
type Call struct {
	Seq      int64
	At       time.Time // when it arrived
	Number   string
	Method   string // of HTTP
	Endpoint string // phone, messages, typing, media, media_info, download
	Person   string
	// Status and Code are of the answer; Code is zero when the call was executed.
	Status, Code int
	// Fault is the injected fault that met the call. With FaultDropAfter the call was
	// executed, and the caller never learned it.
	Fault FaultKind
	// Body is what a call to /messages sent.
	Body string
}

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
	done     chan struct{}
}

// ring keeps the newest entries, at most most of them.
type ring[T any] struct {
	most    int
	entries []T
	next    int // the oldest entry once the ring is full
}

func (r *ring[T]) add(v T) {
	if len(r.entries) < r.most {
		r.entries = append(r.entries, v)
		return
	}
	r.entries[r.next] = v
	r.next = (r.next + 1) % r.most
}

func (r *ring[T]) list() []T { return slices.Concat(r.entries[r.next:], r.entries[:r.next]) }

func newFeed(events, calls int) *feed {
	return &feed{
		events: ring[Event]{most: events}, calls: ring[Call]{most: calls},
		subs: map[*Subscription]struct{}{}, waiters: map[chan struct{}]struct{}{}, done: make(chan struct{}),
	}
}

// publish tells an event. The caller may hold the server's lock.
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
	if f.closed {
		return
	}
	f.closed = true
	close(f.done)
	for sub := range f.subs {
		close(sub.events)
	}
	clear(f.subs)
}

// record adds a call that ended to the transcript.
func (f *feed) record(req *request, o outcome) {
	c := Call{
		At: req.at, Number: req.number.ID, Method: req.http.Method, Endpoint: req.endpoint, Person: req.person(),
		Status: 200, Fault: o.fault, Body: string(req.body),
	}
	switch {
	case o.err != nil:
		c.Status, c.Code = o.err.status, o.err.code
	case o.html:
		c.Status = 502
	case o.cut && o.result == nil:
		c.Status = 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callSeq++
	c.Seq = f.callSeq
	f.calls.add(c)
	f.signal()
}

// Calls gives the transcript in the order the calls ended, oldest first.
func (s *Server) Calls() []Call {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.feed.calls.list()
}

// Events gives the kept events with a sequence number above after, oldest first.
func (s *Server) Events(after int64) []Event {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return slices.DeleteFunc(s.feed.events.list(), func(e Event) bool { return e.Seq <= after })
}

// Subscription is a stream of events from its start on.
type Subscription struct {
	// C gives the events. It is closed by Close and with the server.
	C <-chan Event

	events chan Event
	lost   atomic.Int64
	feed   *feed
}

// Subscribe streams events through a channel with the given buffer. Events that find
// it full are dropped and counted, so that a slow reader never holds the server up.
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

// Wait returns nil as soon as cond holds. It is asked at once and after every event,
// call and webhook call; it may use all other methods. When ctx ends first, its error
// is returned; when the server closes first, ErrClosed.
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
		case <-s.feed.done:
			return ErrClosed
		}
	}
	return nil
}
