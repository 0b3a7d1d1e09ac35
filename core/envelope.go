package core

import (
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Kind says what happened on the platform.
type Kind string

// The kinds of envelope.
const (
	// KindMessage is something a person said.
	KindMessage Kind = "message"
	// KindEdit is a new text for an earlier message (Native names it).
	KindEdit Kind = "edit"
	// KindDelete tells that an earlier message (Native names it) was taken back.
	KindDelete Kind = "delete"
	// KindReaction is a reaction to a message (Native names it; one Reaction).
	KindReaction Kind = "reaction"
	// KindAction is a press of a button (its Parts hold one Action).
	KindAction Kind = "action"
	// KindMembership is a change of who is in the place, the bot included.
	KindMembership Kind = "membership"
	// KindMoved tells that the place has a new id (its Parts hold one Moved).
	KindMoved Kind = "moved"
	// KindAdopt hands a conversation's memory to this one (one Adoption); without one
	// it only wakes the mailbox, so that it looks whether its memory belongs elsewhere.
	// Only the hub itself sends it.
	KindAdopt Kind = "adopt"
	// KindForget has a conversation forget all that it remembers. Only the hub itself
	// sends it.
	KindForget Kind = "forget"
	// KindOther is an event this version has no use for; kept, counted, ignored.
	KindOther Kind = "other"
)

// Envelope is one thing that happened, the same shape for every platform.
type Envelope struct {
	ID   EnvelopeID
	Kind Kind
	In   Conversation
	From Sender
	// Native is the platform's id of the message that this is or is about.
	Native MessageID
	// ReplyTo is the message that this one answers or quotes; nil for none.
	ReplyTo *Quote
	// Addressed is true when the bot is meant: always in private, in groups when
	// it was mentioned, commanded or replied to.
	Addressed bool
	// Album groups messages sent as one; the dispatcher joins them into one turn.
	Album AlbumID
	Parts []Part
	// SentAt is the platform's time of the event, in UTC.
	SentAt time.Time
	Trace  TraceID
}

// Quote is an earlier message that an envelope refers to.
type Quote struct {
	Message MessageID `json:"message,omitempty"`
	// Text is what was quoted, as far as the platform gave it.
	Text string `json:"text,omitempty"`
	// Name is who had said it; ByBot is true when it was this bot.
	Name  string `json:"name,omitempty"`
	ByBot bool   `json:"by_bot,omitempty"`
}

// Text joins the words of an envelope: text parts and captions, in order.
func (e Envelope) Text() string { return JoinText(e.Parts) }

// Command is the first command among the parts; ok is false when there is none.
func (e Envelope) Command() (c Command, ok bool) {
	for _, p := range e.Parts {
		if c, ok := p.(Command); ok {
			return c, true
		}
	}
	return Command{}, false
}

// MarshalZerologObject logs the envelope without its words and without its people.
func (e Envelope) MarshalZerologObject(ev *zerolog.Event) {
	ev.Str("envelope", string(e.ID)).Str("kind", string(e.Kind)).Str("trace", string(e.Trace)).EmbedObject(e.In)
}

// JoinText joins the words of parts with line ends: what a model or a keyword
// rule reads. Media count with their captions.
func JoinText(parts []Part) string {
	var words []string
	for _, p := range parts {
		switch p := p.(type) {
		case Text:
			words = append(words, p.Text)
		case Media:
			if p.Caption != "" {
				words = append(words, p.Caption)
			}
		}
	}
	return strings.Join(words, "\n")
}
