package telegram

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// EventKind tells what a chat showed.
type EventKind string

// The kinds of events.
const (
	EventMessage  EventKind = "message"  // a new message, by a bot or a person
	EventEdited   EventKind = "edited"   // a message changed
	EventDeleted  EventKind = "deleted"  // a message is gone; only MessageID is set
	EventDraft    EventKind = "draft"    // a bot's draft appeared or changed
	EventTyping   EventKind = "typing"   // a chat action, in Action
	EventReaction EventKind = "reaction" // the reactions of a message changed
	EventAnswer   EventKind = "answer"   // a button press was answered, in Answer
)

// Event is one thing that a chat showed. Seq counts all events of the server from one.
type Event struct {
	Seq       int64     `json:"seq"`
	Kind      EventKind `json:"kind"`
	At        time.Time `json:"at"`
	Bot       int64     `json:"bot,omitempty"` // the bot behind it, or whose private chat it is
	Chat      int64     `json:"chat"`
	Thread    int64     `json:"thread,omitempty"`
	MessageID int64     `json:"message_id,omitempty"`
	Message   *Posted   `json:"message,omitempty"`
	Draft     *Draft    `json:"draft,omitempty"`
	Action    string    `json:"action,omitempty"`
	Answer    *Answer   `json:"answer,omitempty"`
}

// Draft is a message being written, as sendMessageDraft shows it.
type Draft struct {
	ID       int64     `json:"draft_id"`
	Thread   int64     `json:"thread,omitempty"`
	Text     string    `json:"text"`
	Entities []Entity  `json:"entities,omitempty"`
	At       time.Time `json:"at"`
}

// Answer is what a bot answered to a button press.
type Answer struct {
	QueryID   string `json:"callback_query_id"`
	Text      string `json:"text,omitempty"`
	ShowAlert bool   `json:"show_alert,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Call is one Bot API call in the transcript.
type Call struct {
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"` // when it arrived
	Bot         int64     `json:"bot"`
	Method      string    `json:"method"` // as the caller spelled it
	Chat        int64     `json:"chat,omitempty"`
	OK          bool      `json:"ok"`
	Code        int       `json:"code,omitempty"`
	Description string    `json:"description,omitempty"`
	// Fault is the injected fault that met the call. With FaultDropAfter, OK tells what the
	// caller never learned.
	Fault FaultKind `json:"fault,omitempty"`
	// Params are the arguments without files; long values are cut.
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

func (r *ring[T]) list() []T {
	return slices.Concat(r.entries[r.next:], r.entries[:r.next])
}

func newFeed(events, calls int) *feed {
	return &feed{
		events: ring[Event]{max: events}, calls: ring[Call]{max: calls},
		subs: map[*Subscription]struct{}{}, waiters: map[chan struct{}]struct{}{},
	}
}

// publish tells an event. The caller may hold chat and bot locks.
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
	f.closed = true
	for sub := range f.subs {
		close(sub.events)
	}
	clear(f.subs)
	f.signal()
}

// record adds a call that ended to the transcript.
func (f *feed) record(c *call, name string, o outcome) {
	rec := Call{
		At: c.at, Bot: c.bot.user.ID, Method: name, Chat: c.chat, OK: o.err == nil && !o.html,
		Fault: o.fault, Params: shorten(c.params.values),
	}
	if o.cut && o.result == nil { // cut before it was executed
		rec.OK = false
	}
	if o.err != nil {
		rec.Description = o.err.Error()
		var api *apiError
		if errors.As(o.err, &api) {
			rec.Code = api.code
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.callSeq++
	rec.Seq = f.callSeq
	f.calls.add(rec)
	f.signal()
}

// shorten cuts long values, in a copy.
func shorten(values map[string]string) map[string]string {
	var cut map[string]string
	for k, v := range values {
		if len(v) > longParam {
			if cut == nil {
				cut = maps.Clone(values)
			}
			cut[k] = v[:longParam]
		}
	}
	if cut != nil {
		return cut
	}
	return values
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

// Subscribe streams events through a channel with the given buffer. Events that find it full are
// dropped and counted, so that a slow reader never holds the server up.
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

// Wait returns nil as soon as cond holds. It is asked at once and after every event, call, and
// poll that begins to wait; it may use all other methods. When ctx ends first, its error is
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

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = errors.New("telegram simulator: server closed")

// Shown gives what a chat shows now, oldest first: edited messages as edited, without deleted
// ones. Bot zero will do unless several bots have a private chat with the user.
func (s *Server) Shown(bot, chat int64) []Posted {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return nil
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	log := ch.visible(s.opts.MaxMessages)
	out := make([]Posted, len(log))
	for i, p := range log {
		out[i] = *p
	}
	return out
}

// draftLife is how long clients show a draft that is not renewed.
const draftLife = 30 * time.Second

// Drafts gives the drafts a chat shows now, by id.
func (s *Server) Drafts(bot, chat int64) []Draft {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return nil
	}
	now := s.opts.Now()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	maps.DeleteFunc(ch.drafts, func(_ int64, d Draft) bool { return now.Sub(d.At) >= draftLife })
	return slices.SortedFunc(maps.Values(ch.drafts), func(a, b Draft) int { return cmp.Compare(a.ID, b.ID) })
}

// OpenChat names a chat that exists: a group, or a bot's private chat with a user.
type OpenChat struct {
	Bot  int64 `json:"bot,omitempty"` // zero for groups
	Chat Chat  `json:"chat"`
}

// Chats lists the chats there are, by bot and id.
func (s *Server) Chats() []OpenChat {
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.chats))
	s.mu.RUnlock()
	out := make([]OpenChat, len(all))
	for i, ch := range all {
		out[i] = OpenChat{Bot: ch.key.bot, Chat: ch.info} // neither changes
	}
	slices.SortFunc(out, func(a, b OpenChat) int {
		return cmp.Or(cmp.Compare(a.Bot, b.Bot), cmp.Compare(a.Chat.ID, b.Chat.ID))
	})
	return out
}
