package slack

import (
	"slices"
	"time"

	"github.com/parley-hub/parley/simulators"
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

// Subscription is a stream of events from its start on.
type Subscription = simulators.Subscription[Event]

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = simulators.ErrClosed

// publish tells an event. The caller may hold the server's locks.
func (s *Server) publish(e Event) {
	s.feed.Publish(func(seq int64) Event { e.Seq = seq; return e })
}

// CallsOf gives the calls of one method, oldest first.
func (s *Server) CallsOf(method string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Method != method })
}
