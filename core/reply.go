package core

import (
	"time"

	"github.com/rs/zerolog"
)

// Reply is what the hub says.
//
// A reply that is not Final is a draft: shown while an answer grows, best effort,
// newest Rev wins, never stored. A draft without parts means "typing".
type Reply struct {
	ID    ReplyID
	Rev   int
	Final bool
	To    Conversation
	// Person is who is answered, as PersonOf derives it from their account; it is kept
	// with the transcript, which a later link does not rewrite.
	Person PersonID
	// InReplyTo is the message this one quotes on the platform; empty for none.
	InReplyTo MessageID
	Parts     []Part
	Trace     TraceID

	// Sent names the platform messages of this reply that already stand in the
	// chat: a long reply is sent piece by piece, and sending goes on behind them.
	// It lives beside the reply, not in its wire form.
	Sent []MessageID
}

// MarshalZerologObject logs the reply without its words.
func (r Reply) MarshalZerologObject(e *zerolog.Event) {
	e.Str("reply", string(r.ID)).Str("trace", string(r.Trace)).EmbedObject(r.To)
}

// Receipt is the platform's word that one message of a reply stands in the chat.
type Receipt struct {
	Message MessageID
	At      time.Time
	// More is true when the reply has further pieces: send again, with this
	// message added to Reply.Sent.
	More bool
	// MovedTo is set when the platform took the message under a new id of the place.
	MovedTo *Conversation
}
