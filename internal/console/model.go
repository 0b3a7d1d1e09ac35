package console

import (
	"context"
	"time"
)

// Playground is a set of chats in which one person plays several.
type Playground interface {
	// Chats are the chats in the order they are shown; the set does not change.
	Chats() []Chat
	// Transcript gives a chat's bubbles, oldest first; nil for an unknown chat.
	Transcript(chatID string) []Bubble
	// Say makes asUser write text in the chat. An error's public words (core/fault)
	// are shown to the person.
	Say(ctx context.Context, chatID, asUser, text string) error
	// Press makes asUser press the button of the bubble that carries data.
	Press(ctx context.Context, chatID, bubbleID, asUser, data string) error
	// Subscribe tells what changes until ctx ends; then the channel is closed. For a
	// subscriber that is too slow it may be closed earlier: the page then asks again
	// and gets everything.
	Subscribe(ctx context.Context) <-chan Update
}

// Chat is one pane of the playground.
type Chat struct {
	// ID is letters, digits, hyphens and underscores: it becomes part of element ids.
	ID    string
	Title string
	// About says under the title what kind of chat it is.
	About string
	// Hint is shown while nobody has written.
	Hint string
	// Speakers are the people who may write here; one in a private chat.
	Speakers []Person
}

// Person is somebody who can be played.
type Person struct {
	ID   string
	Name string
}

// Bubble is one message as the platform shows it.
type Bubble struct {
	// ID is unique in its chat; letters, digits, hyphens and underscores.
	ID string
	// From is the name shown; User is who of the chat's speakers it is, empty for
	// the bot and for others.
	From string
	User string
	Bot  bool
	At   time.Time
	// Edited is true when the text was changed after it was sent.
	Edited bool
	// Draft is true while the text still grows.
	Draft   bool
	ReplyTo *Quote
	Runs    []Run
	Buttons [][]Button
}

// Quote is the message a bubble answers.
type Quote struct {
	ID   string
	From string
	Text string
}

// Run is a stretch of text in one style.
type Run struct {
	Text string
	Style
	// Link is where it leads; only http, https, mailto and tel become links.
	Link string
}

// Style is how a run looks. Neighbouring runs with Pre, or with Quote, are one
// block; Language belongs to Pre.
type Style struct {
	Bold      bool
	Italic    bool
	Underline bool
	Strike    bool
	Spoiler   bool
	Code      bool
	Pre       bool
	Language  string
	Quote     bool
}

// Button is offered under a bubble; one with a URL is a link, one with Data is
// pressed.
type Button struct {
	Label string
	Data  string
	URL   string
}

// Update is one change in a chat. One of its fields beside Chat is set.
type Update struct {
	Chat string
	// Bubble is new or has changed.
	Bubble *Bubble
	// Removed is the id of a bubble that is gone.
	Removed string
	// Typing tells who types.
	Typing *Typing
}

// Typing says that somebody types, or stopped.
type Typing struct {
	Name string
	On   bool
}

// Journeys knows the paths of the last messages.
type Journeys interface {
	// Recent gives up to limit paths, newest first.
	Recent(limit int) []Journey
	// Subscribe gives a path again whenever it grew, until ctx ends; then the
	// channel is closed. A slow subscriber misses updates.
	Subscribe(ctx context.Context) <-chan Journey
}

// Journey is the path of one message.
type Journey struct {
	// Trace is unique; letters, digits, hyphens and underscores.
	Trace   string
	Account string
	Kind    string
	// Steps are in the order they were told; Dropped counts those not kept.
	Steps   []Step
	Dropped int
}

// Step is one step of a path. Stage is one of core's stages.
type Step struct {
	Stage  string
	At     time.Time
	Took   time.Duration
	Rule   string
	Skill  string
	Model  string
	Worker string
	// Fault is the class of a failure; empty for none.
	Fault string
	// Count is how many equal steps in a row this is.
	Count int
}

// Overview is the state of the hub.
type Overview struct {
	Version string
	Started time.Time
	// Pools are the model pools; none when no model is connected.
	Pools []Pool
	// Connect is the piece of configuration that connects a model.
	Connect  string
	Accounts []Account
	Boxes    []Box
	// Problems are reasons why the hub is not ready.
	Problems []string
}

// Pool is a set of model workers that serve one model.
type Pool struct {
	Name    string
	Model   string
	Workers []Worker
}

// Worker is one model worker.
type Worker struct {
	Name     string
	Up       bool
	State    string
	InFlight int
}

// Account is one configured account.
type Account struct {
	Name     string
	Platform string
	Mode     string
	Up       bool
	// State is a stable word, Detail says more; neither names a secret.
	State  string
	Detail string
	// Webhook is the address to paste into the platform's console; empty when the
	// account needs none.
	Webhook string
}

// Box is the state of one box of the queue.
type Box struct {
	Name    string
	Items   int
	Ready   int
	Leased  int
	Delayed int
	Dead    int
	// Oldest is when the oldest waiting item came; zero for none.
	Oldest time.Time
}
