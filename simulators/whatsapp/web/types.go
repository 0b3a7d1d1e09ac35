//go:build !nowhatsmeow

package web

import "time"

// Number is an account whose phone can link devices: the bot's own.
type Number struct {
	// Phone is the number, digits only.
	Phone string
	// LID is the hidden id, digits only; empty means one made from the number.
	LID string
	// Name is the name others see.
	Name string
}

// Person is somebody with a phone and no further devices.
type Person struct {
	Phone, LID, Name string // as in Number
	// ByLID lets their messages come from their hidden id, with the number beside it,
	// as those of people do who were moved to it. Otherwise it is the other way around.
	ByLID bool
}

// Group is a group chat.
type Group struct {
	// ID is the part before @g.us.
	ID   string
	Name string
	// LID addresses its members by their hidden ids; otherwise by their numbers.
	LID bool
	// Members are the numbers of those in it, the bot's among them.
	Members []string
}

// Utterance is something a person does in a chat. One of Text, Media, Location, Contact,
// Reaction, Edit and Delete says what; Text is also the caption of Media and the new text of Edit.
type Utterance struct {
	// Number is whose chat it is; "" will do while there is only one.
	Number string
	// Person is who says it, in their own chat with the number or in Group.
	Person string
	Group  string
	// ByOwner lets the number's own phone say it, to Person or in Group: linked devices
	// get a copy.
	ByOwner  bool
	Text     string
	Media    *Attachment
	Location *Location
	Contact  *Contact
	// ReplyTo is the message it quotes; for a reaction, the one it is for.
	ReplyTo string
	// Mention are the numbers it mentions.
	Mention []string
	// Reaction is an emoji for ReplyTo; NoReaction takes it away.
	Reaction string
	// Edit and Delete name an own message.
	Edit, Delete string
	// ID is used instead of a random one.
	ID string
}

// NoReaction as Utterance.Reaction takes a reaction away.
const NoReaction = "none"

// Attachment is a file that a person sends.
type Attachment struct {
	// Kind is image, video, audio, voice, document or sticker.
	Kind string
	MIME string
	Name string // of a document
	Data []byte
	// URL is told as the file's address instead of this server's: a sender chooses it freely.
	URL string
}

// Posted is a message as a chat shows it, on the phone of the one it was sent to.
type Posted struct {
	ID string
	// Number and Chat are as in Shown; From is who said it.
	Number, Chat, From string
	// ByBot is set for what a linked device of the number sent.
	ByBot bool
	At    time.Time
	// Type is text, image, video, audio, voice, document, sticker, location, contact or other.
	Type     string
	Text     string
	Media    *Media
	Location *Location
	Contact  *Contact
	Mentions []string
	// ReplyTo is the message it quotes.
	ReplyTo string
	// Edits are the texts before the present one, oldest first.
	Edits   []string
	Deleted bool
	// Reactions are the emojis by number.
	Reactions map[string]string
	// Delivered and Read count the others whose device took it, and who read it.
	Delivered, Read int
	// Waiting are the numbers of those whose phone cannot decrypt it yet.
	Waiting []string
}

// Media is a file of a message.
type Media struct {
	Kind, MIME, Name string
	// Size is what the message says.
	Size int
	// Problem is why the phone could not open the file; empty when Data has it.
	Problem string
	Data    []byte
}

// Location is a place.
type Location struct {
	Latitude, Longitude float64
	Name, Address       string
}

// Contact is a card.
type Contact struct {
	Name, VCard string
}
