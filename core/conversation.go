package core

import "github.com/rs/zerolog"

// Place says what kind of place a conversation is held in.
type Place string

// The kinds of place.
const (
	// Private is a chat between one person and the bot.
	Private Place = "private"
	// Group is a chat in which other people read along.
	Group Place = "group"
)

// Conversation is where something was said and where its answer goes: one chat,
// or one thread of it, reached through one account. It is comparable and used as
// a key as it is.
type Conversation struct {
	Account Account  `json:"account"`
	Place   Place    `json:"place"`
	Chat    ChatID   `json:"chat"`
	Thread  ThreadID `json:"thread,omitempty"`
}

// MarshalZerologObject logs the place without naming anybody in it.
func (c Conversation) MarshalZerologObject(e *zerolog.Event) {
	e.Str("account", string(c.Account)).Str("place", string(c.Place))
}

// Sender is who said something.
type Sender struct {
	Realm Realm  `json:"realm"`
	ID    UserID `json:"id"`
	// Name is how the platform shows the person; for people, never for keys.
	Name string `json:"name,omitempty"`
	// Handle is the unique public name where the platform has one.
	Handle string `json:"handle,omitempty"`
	// Language is a BCP 47 tag the platform told us; empty when unknown.
	Language string `json:"language,omitempty"`
	Bot      bool   `json:"bot,omitempty"`
}

// Person is who this sender is as long as no link says otherwise.
func (s Sender) Person() PersonID { return PersonOf(s.Realm, s.ID) }
