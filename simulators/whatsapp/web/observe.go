//go:build !nowhatsmeow

package web

import (
	"time"

	"github.com/parley-hub/parley/simulators"
)

// EventKind tells what happened.
type EventKind string

// The kinds of events.
const (
	EventLinked       EventKind = "linked"       // a device was linked by its QR code
	EventUnlinked     EventKind = "unlinked"     // a device was removed
	EventConnected    EventKind = "connected"    // a device logged in and takes what waited
	EventDisconnected EventKind = "disconnected" // its connection ended
	EventMessage      EventKind = "message"      // a new message, by whomever, in Message
	EventEdit         EventKind = "edit"         // a message has another text
	EventDelete       EventKind = "delete"
	EventReaction     EventKind = "reaction"  // Text is the emoji; empty when it went away
	EventDelivered    EventKind = "delivered" // the device took a message
	EventRead         EventKind = "read"      // the device marks a message as read
	EventRetry        EventKind = "retry"     // somebody could not decrypt and asks again
	EventTyping       EventKind = "typing"    // Text is composing, recording or paused
	EventPresence     EventKind = "presence"  // Text is available or unavailable
)

// Event is one thing that happened. Seq counts all events of the server from one.
type Event struct {
	Seq    int64
	Kind   EventKind
	At     time.Time
	Number string
	Device uint16
	// Chat is the person or the group, From who did it.
	Chat, From string
	MessageID  string
	Message    *Posted
	Text       string
}

// Call is one stanza or one transfer of a client.
type Call struct {
	Seq    int64
	At     time.Time // when it ended
	Number string
	Device uint16
	// Stanza is message, receipt, ack, presence, chatstate, "iq " and its namespace, upgrade,
	// login, pair, upload or download; frame and handshake for what is none of them.
	Stanza string
	// Chat is the person or the group it is about, ID its id.
	Chat, ID string
	// Code is the error it was refused with; zero when it was not.
	Code int
	// Problem is what the client did wrong; empty when nothing.
	Problem string
	// Fault is the injected fault that met it.
	Fault FaultKind
}

// Subscription is a stream of events from its start on.
type Subscription = simulators.Subscription[Event]

// publish tells an event. The caller may hold the server's locks.
func (s *Server) publish(e Event) {
	if e.At.IsZero() {
		e.At = s.opts.Now()
	}
	s.feed.Publish(func(seq int64) Event { e.Seq = seq; return e })
}

// record adds what a client did to the transcript. The caller may hold the server's locks.
func (s *Server) record(c Call) {
	c.At = s.opts.Now()
	s.feed.Record(func(seq int64) Call { c.Seq = seq; return c })
}

// Pending counts the stanzas that wait for the devices of a number.
func (s *Server) Pending(number string) int {
	return s.sum(number, func(d *device) int { return d.waiting.order.Len() })
}

// PreKeys counts the prekeys of a number's devices that nobody got yet.
func (s *Server) PreKeys(number string) int {
	return s.sum(number, func(d *device) int { return len(d.once) })
}

// Connected counts the devices of a number that are logged in and take what waits.
func (s *Server) Connected(number string) int {
	return s.sum(number, func(d *device) int {
		if d.conn != nil && d.conn.active {
			return 1
		}
		return 0
	})
}

// sum adds up something of a number's devices; 0 for a number that nobody has.
func (s *Server) sum(number string, of func(*device) int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return 0
	}
	n := 0
	for _, d := range a.devices {
		n += of(d)
	}
	return n
}

// Devices counts the devices linked to a number.
func (s *Server) Devices(number string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return 0
	}
	return len(a.devices)
}
