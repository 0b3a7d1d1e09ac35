package whatsapp

import (
	"time"

	"github.com/parley-hub/parley/simulators"
)

// EventKind tells what happened in a chat.
type EventKind string

// The kinds of events.
const (
	EventMessage EventKind = "message" // a new message, of the business or of a person
	EventStatus  EventKind = "status"  // how far a message came, in Status
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

// Subscription is a stream of events from its start on.
type Subscription = simulators.Subscription[Event]

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = simulators.ErrClosed

// publish tells an event. The caller may hold the server's locks.
func (s *Server) publish(e Event) {
	s.feed.Publish(func(seq int64) Event { e.Seq = seq; return e })
}

// record adds a call that ended to the transcript.
func (s *Server) record(req *request, o outcome) {
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
	s.feed.Record(func(seq int64) Call { c.Seq = seq; return c })
}
