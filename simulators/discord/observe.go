package discord

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-hub/parley/simulators"
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

// Subscription is a stream of events from its start on.
type Subscription = simulators.Subscription[Event]

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = simulators.ErrClosed

// publish tells an event. The caller may hold the server's locks.
func (s *Server) publish(e Event) {
	s.feed.Publish(func(seq int64) Event { e.Seq = seq; return e })
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
