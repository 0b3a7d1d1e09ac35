package skilltest

import (
	"encoding/json"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Now is the time of turns whose options name none.
var Now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// TurnOptions say how a turn differs from the plain one: a user called Anna says
// "hello" in private for the first time.
type TurnOptions struct {
	// Args is the turn's text; Text where it is empty.
	Args string
	// Asked makes it the answer to a question.
	Asked *skills.Asked
	// Attempt is 1 where it is 0.
	Attempt int
	// Called has a model call the skill, and not a person.
	Called *skills.Called
	// Command makes the message a command with Args behind it.
	Command string
	// ID names the turn; two turns of the same options have the same one.
	ID string
	// Input are the arguments, read.
	Input json.RawMessage
	// Language is the sender's, as a BCP 47 tag; empty for unknown.
	Language string
	// Log is silent where it is nil.
	Log *zerolog.Logger
	// Model is the pool the route chose.
	Model string
	// Name is the sender's; their id and person follow from it.
	Name string
	Now  time.Time
	// Overheard makes it talk among people that the bot was not addressed in.
	Overheard bool
	// Parts come behind the text; with Parts and no Text there is no text.
	Parts []core.Part
	// Place is private where it is empty.
	Place   core.Place
	ReplyTo *core.Quote
	// Files are none, and keep what they are given, where it is nil.
	Files skills.Files
	// Role is User where it is empty.
	Role skills.Role
	// Session is an empty one where it is nil.
	Session *session.Session
	// Text is what was said; "hello" where neither Text nor Parts nor Command are set.
	Text string
	// Tools are what a model may call; nil for none.
	Tools skills.Tools
	// World has nothing in it, and keeps what it is given, where it is nil.
	World skills.World
}

// NewTurn makes a turn as the dispatcher would.
func NewTurn(o TurnOptions) *skills.Turn {
	o = o.defaults()
	from := core.Sender{Realm: "realm", ID: core.UserID("id-" + o.Name), Name: o.Name, Language: o.Language}
	e := core.Envelope{
		ID: core.NewEnvelopeID("account", core.KindMessage, o.ID), Kind: core.KindMessage,
		In:   core.Conversation{Account: "account", Place: o.Place, Chat: core.ChatID("chat-" + o.Name)},
		From: from, Native: core.MessageID(o.ID), ReplyTo: o.ReplyTo, Addressed: !o.Overheard, SentAt: o.Now, Trace: "trace",
	}
	if o.Place == core.Group {
		e.In.Chat = "group"
	}
	switch {
	case o.Command != "":
		e.Parts = append(e.Parts, core.Command{Name: o.Command, Args: o.Args})
	case o.Text != "":
		e.Parts = append(e.Parts, core.Text{Text: o.Text})
	}
	e.Parts = append(e.Parts, o.Parts...)
	if o.Args == "" && o.Command == "" {
		o.Args = e.Text()
	}
	return &skills.Turn{
		ID: e.ID, Envelope: e, Args: o.Args, Person: from.Person(), Key: session.Policy{}.KeyOf(e.In, from, from.Person()), Role: o.Role, Session: o.Session, Model: o.Model,
		Rule: "rule", Now: o.Now, Attempt: o.Attempt, Log: *o.Log, Files: o.Files,
		Input: o.Input, Asked: o.Asked, Called: o.Called, Tools: o.Tools, World: o.World,
	}
}

func (o TurnOptions) defaults() TurnOptions {
	if o.Text == "" && o.Parts == nil && o.Command == "" {
		o.Text = "hello"
	}
	if o.ID == "" {
		o.ID = "1"
	}
	if o.Name == "" {
		o.Name = "Anna"
	}
	if o.Attempt == 0 {
		o.Attempt = 1
	}
	if o.Place == "" {
		o.Place = core.Private
	}
	if o.Role == "" {
		o.Role = skills.User
	}
	if o.Now.IsZero() {
		o.Now = Now
	}
	if o.Session == nil {
		o.Session = NewSession()
	}
	if o.Files == nil {
		o.Files = &Files{}
	}
	if o.World == nil {
		o.World = &World{}
	}
	if o.Log == nil {
		silent := zerolog.Nop()
		o.Log = &silent
	}
	return o
}

// NewSession makes a session that remembers the given turns and nothing else.
func NewSession(history ...session.Turn) *session.Session {
	var s session.Session
	for _, t := range history {
		s.Append(t)
	}
	stored := s.Changes()
	loaded, err := session.Load(stored.Set, stored.Append, nil)
	if err != nil {
		panic("skilltest: a session cannot read what it wrote: " + err.Error())
	}
	return loaded
}
