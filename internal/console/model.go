package console

import (
	"context"
	"time"
)

// Playground is a set of phones, one for each platform, on which one person plays
// several.
type Playground interface {
	// Phones are the phones in the order they are shown; the set does not change.
	Phones() []Phone
	// Transcript gives a chat's bubbles in the order they are shown; nil for an
	// unknown chat.
	Transcript(chatID string) []Bubble
	// Notes tell what became of a phone's faults, or of TheHub's troubles, oldest first.
	Notes(phoneID string) []Note
	// Say makes somebody write, or send a file. An error's public words (core/fault)
	// are shown to the person.
	Say(ctx context.Context, u Utterance) error
	// Press makes asUser press the button of the bubble that carries data.
	Press(ctx context.Context, chatID, bubbleID, asUser, data string) error
	// React makes asUser put an emoji under a bubble.
	React(ctx context.Context, chatID, bubbleID, asUser, emoji string) error
	// Troubles are the ways in which the hub itself can be troubled: a restart, a
	// model that is out.
	Troubles() []Fault
	// Fail makes the phone's platform fail in one of its ways, or troubles TheHub. It
	// returns before that is over.
	Fail(ctx context.Context, phoneID, faultID string) error
	// Linking tells how far a phone is that has to be linked; nil for one that is linked
	// or needs none.
	Linking(phoneID string) *Linking
	// Pair lets the hub show codes for a phone. It returns when the first one is there.
	Pair(ctx context.Context, phoneID string) error
	// Scan lets the phone scan the code that is shown.
	Scan(ctx context.Context, phoneID string) error
	// File gives the bytes of a file of a phone; false for an unknown one.
	File(phoneID, fileID string) ([]byte, bool)
	// Subscribe tells what changes until ctx ends; then the channel is closed. For a
	// subscriber that is too slow it may be closed earlier: the page then asks again
	// and gets everything.
	Subscribe(ctx context.Context) <-chan Update
}

// Phone is one platform's app. All ids here are letters, digits, hyphens and
// underscores: they become part of element ids and names of classes.
type Phone struct {
	// ID names the look too.
	ID string
	// Name is the platform's, for people.
	Name string
	// Account is the hub's account of this platform, as in Overview.
	Account string
	// People are those who can be played; the same, in the same order, on all phones.
	People []Person
	// Places are the entries of the list of chats.
	Places []Place
	// Faults are the ways in which the platform can be made to fail.
	Faults []Fault
	// With is the phone whose place and look this one shares; a switch shows one of them.
	// Empty for a place of its own.
	With string
	// Mode is what the switch calls this phone; empty where there is none.
	Mode string
	// Remark is a line that stays over the chats; empty for none.
	Remark string
}

// Linking is how far a phone is that is linked by a QR code.
type Linking struct {
	// Code is what the QR code holds that is shown now; empty for none.
	Code string
	// Until is when the code is replaced.
	Until time.Time
	// Busy says what is under way; empty when nothing is and a code can be asked for.
	Busy string
	// Problem is why the last try came to nothing.
	Problem string
}

// Place is one entry of a phone's list of chats.
type Place struct {
	ID    string
	Title string
	// About says under the title what kind of chat it is.
	About string
	// Hint is shown while nobody has written.
	Hint string
	// Try are texts that are sent by one press while nobody has written.
	Try []string
	// Chats gives the chat of each person, by their id. In a private place each
	// person has their own, in a group all have the same.
	Chats map[string]string
}

// Person is somebody who can be played.
type Person struct {
	ID   string
	Name string
}

// Fault is a way in which a platform or the hub can fail; About tells what to watch.
type Fault struct {
	ID    string
	Label string
	About string
}

// TheHub stands in the place of a phone for the hub itself.
const TheHub = "hub"

// Note is a line about what became of a fault.
type Note struct {
	At   time.Time
	Text string
	// Over is true when nothing more is to come of it.
	Over bool
}

// Utterance is what somebody says. One of Text and File is set, or both.
type Utterance struct {
	Chat string
	As   string
	Text string
	// ReplyTo is the id of the bubble that is answered; empty for none.
	ReplyTo string
	File    *Upload
}

// Upload is a file somebody sends. MIME is one of the types this package lets in,
// found by looking at the bytes.
type Upload struct {
	Name string
	MIME string
	Data []byte
}

// Bubble is one message as the platform shows it.
type Bubble struct {
	// ID is unique in its chat; letters, digits, hyphens and underscores.
	ID string
	// From is the name shown; User is which of the phone's people it is, empty for
	// the bot and for others.
	From string
	User string
	Bot  bool
	At   time.Time
	// Above is a small line over the message, such as the command it answers.
	Above string
	// Edited is true when the text was changed after it was sent.
	Edited bool
	// Draft is true while the text still grows.
	Draft bool
	// Thread is the bubble in whose thread it stands; empty for none.
	Thread  string
	ReplyTo *Quote
	Runs    []Run
	Files   []File
	Buttons [][]Button
	// Menu is a list that opens by a press.
	Menu      *Menu
	Reactions []Reaction
	// Status is how far the message came: "", "sent", "delivered", "read", "failed".
	Status string
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
	// Mention is for the name of somebody who is told.
	Mention bool
}

// File is a file in a bubble. Its bytes come from Playground.File.
type File struct {
	ID   string
	Name string
	// Kind is image, audio or file.
	Kind string
	// Voice is true for a voice message.
	Voice bool
	Size  int
}

// Button is offered under a bubble; one with a URL is a link, one with Data is
// pressed.
type Button struct {
	Label string
	// About says more, in lists only.
	About string
	Data  string
	URL   string
}

// Menu is a list of choices behind a label.
type Menu struct {
	Label string
	Rows  []Button
}

// Reaction is an emoji under a bubble with the number of those who put it there.
type Reaction struct {
	Emoji string
	Count int
}

// Update is one change. One of its fields beside Chat and Phone is set.
type Update struct {
	// Chat is where it happened; empty for notes.
	Chat string
	// Phone is whose notes or linking changed; it may be TheHub.
	Phone string
	// Bubble is new or has changed; it stands behind the bubble After, or first.
	Bubble *Bubble
	After  string
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
