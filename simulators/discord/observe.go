package discord

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
	EventMessage  EventKind = "message"
	EventEdited   EventKind = "edited"
	EventDeleted  EventKind = "deleted"
	EventTyping   EventKind = "typing"
	EventReaction EventKind = "reaction"
)

// Event is one thing that a channel showed. Seq counts all events of the server from one.
type Event struct {
	Seq       int64     `json:"seq"`
	Kind      EventKind `json:"kind"`
	At        time.Time `json:"at"`
	Channel   string    `json:"channel"`
	MessageID string    `json:"message_id,omitempty"`
	Message   *Posted   `json:"message,omitempty"`
}

// Posted is a message as its channel shows it.
type Posted struct {
	Message
	// Text is the content as people read it, without marks.
	Text string `json:"text"`
	// ByBot is true for the bot's messages, Thinking for those that wait for their words.
	ByBot    bool `json:"by_bot,omitempty"`
	Thinking bool `json:"thinking,omitempty"`
}

// Call is one REST call in the transcript.
type Call struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Name    string    `json:"name"`
	Channel string    `json:"channel,omitempty"`
	Status  int       `json:"status"`
	Code    int       `json:"code,omitempty"`
	// Fault is the injected fault that met the call.
	Fault FaultKind `json:"fault,omitempty"`
	// Body is the JSON the call brought, cut where it is long.
	Body string `json:"body,omitempty"`
}

// longBody bounds a body kept in the transcript, in bytes.
const longBody = 8 << 10

// feed keeps what happened and tells those who wait for it.
type feed struct {
	mu      sync.Mutex
	max     int
	calls   []Call
	seq     int64
	callSeq int64
	subs    map[*Subscription]struct{}
	waiters map[chan struct{}]struct{}
	closed  bool
}

func newFeed(calls int) feed {
	return feed{max: calls, subs: map[*Subscription]struct{}{}, waiters: map[chan struct{}]struct{}{}}
}

func (f *feed) publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	e.Seq = f.seq
	for sub := range f.subs {
		select {
		case sub.events <- e:
		default:
			sub.lost.Add(1)
		}
	}
	f.signal()
}

func (f *feed) record(c Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callSeq++
	c.Seq = f.callSeq
	if len(f.calls) >= f.max {
		f.calls = slices.Delete(f.calls, 0, max(f.max/10, 1))
	}
	f.calls = append(f.calls, c)
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
	return slices.Clone(s.feed.calls)
}

// Subscription is a stream of events from its start on.
type Subscription struct {
	// C gives the events. It is closed by Close and with the server.
	C <-chan Event

	events chan Event
	lost   atomic.Int64
	feed   *feed
}

// Subscribe streams events through a channel with the given buffer. Events that find it full are
// dropped and counted, so that a slow reader never holds the server up.
func (s *Server) Subscribe(buffer int) *Subscription {
	sub := &Subscription{events: make(chan Event, buffer), feed: &s.feed}
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
var ErrClosed = errors.New("discord simulator: server closed")

// Wait returns nil as soon as cond holds. It is asked at once and after every event, call, and
// change of a gateway connection; it may use all other methods. When ctx ends first, its error is
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

// Shown gives what a channel shows now, oldest first: edited messages as edited, without deleted
// ones.
func (s *Server) Shown(channel string) []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.channels[channel]
	if r == nil {
		return nil
	}
	out := make([]Posted, len(r.messages))
	for i, m := range r.messages {
		out[i] = s.posted(m)
	}
	return out
}

func (s *Server) posted(m *Message) Posted {
	return Posted{Message: *m, Text: Plain(m.Content), ByBot: m.Author.ID == s.bot.ID, Thinking: m.Flags&flagLoading != 0}
}

// Channels lists the channels there are.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, r := range s.channels {
		out = append(out, r.Channel)
	}
	slices.SortFunc(out, func(a, b Channel) int { return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Commands is the registered menu.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}
