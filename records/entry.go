package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core"
)

// SchemaVersion is the version of an entry's wire form that this build writes. It
// reads every version from 1 on.
const SchemaVersion = 1

// ErrSchema is returned for a wire form this build cannot read.
var ErrSchema = errors.New("unknown form of entry")

// Direction says which way something went.
type Direction string

// The directions.
const (
	// In is what a person said.
	In Direction = "in"
	// Out is what the bot said.
	Out Direction = "out"
)

// Entry is one line of a transcript.
type Entry struct {
	// ID is the envelope's or reply's id with the direction, see EntryID.
	ID        string
	Direction Direction
	// Person is who said it or, for Out, who was answered.
	Person       core.PersonID
	Conversation core.Conversation
	// Sender is who said it; zero for Out.
	Sender core.Sender
	// Envelope is what was said or, for Out, what is answered.
	Envelope core.EnvelopeID
	// Native is the platform's id of the message said; for Out of the one quoted.
	Native core.MessageID
	// Messages are the platform's ids of the messages a reply stands as; nil for In.
	Messages []core.MessageID
	Kind     core.Kind
	// Body is the wire form of the envelope or reply.
	Body []byte
	// At is when the hub took or stored it; kept in UTC, to the millisecond.
	At time.Time
	// Skill and Rule tell what was to answer and why; empty for Out.
	Skill string
	Rule  string
}

// EntryID names the entry of an envelope or reply.
func EntryID[T core.EnvelopeID | core.ReplyID](id T, d Direction) string {
	return string(id) + "/" + string(d)
}

// Received is the entry of an envelope that person sent and the hub dealt with at
// the given time, answered by skill as rule says. It fails only for an envelope that has no wire form.
func Received(e core.Envelope, person core.PersonID, at time.Time, skill, rule string) (Entry, error) {
	body, err := core.EncodeEnvelope(e)
	if err != nil {
		return Entry{}, fmt.Errorf("entry of an envelope: %w", err)
	}
	return Entry{
		ID: EntryID(e.ID, In), Direction: In, Person: person, Conversation: e.In, Sender: e.From,
		Envelope: e.ID, Native: e.Native, Kind: e.Kind, Body: body, At: stamp(at),
		Skill: skill, Rule: rule,
	}, nil
}

// Replied is the entry of a reply that stood on the platform at the given time, as
// these messages. It fails only for a reply that has no wire form.
func Replied(r core.Reply, at time.Time, messages []core.MessageID) (Entry, error) {
	body, err := core.EncodeReply(r)
	if err != nil {
		return Entry{}, fmt.Errorf("entry of a reply: %w", err)
	}
	return Entry{
		ID: EntryID(r.ID, Out), Direction: Out, Person: r.Person, Conversation: r.To,
		Envelope: r.ID.Envelope(), Native: r.InReplyTo, Messages: messages, Kind: core.KindMessage, Body: body, At: stamp(at),
	}, nil
}

// stamp brings a time to what the store keeps.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Check tells why an entry cannot be stored, nil when it can.
func (e Entry) Check() error {
	switch {
	case e.ID == "":
		return errors.New("entry has no id")
	case e.Direction != In && e.Direction != Out:
		return errors.New("entry has no direction")
	case e.Person == "":
		return errors.New("entry belongs to nobody")
	default:
		return nil
	}
}

type wireEntry struct {
	V            int               `json:"v"`
	ID           string            `json:"id"`
	Direction    Direction         `json:"direction"`
	Person       core.PersonID     `json:"person"`
	Conversation core.Conversation `json:"conversation"`
	Sender       *core.Sender      `json:"sender,omitempty"`
	Envelope     core.EnvelopeID   `json:"envelope,omitempty"`
	Native       core.MessageID    `json:"native,omitempty"`
	Messages     []core.MessageID  `json:"messages,omitempty"`
	Kind         core.Kind         `json:"kind,omitempty"`
	Body         []byte            `json:"body,omitempty"`
	At           time.Time         `json:"at"`
	Skill        string            `json:"skill,omitempty"`
	Rule         string            `json:"rule,omitempty"`
}

// Encode writes the wire form, in which entries travel through the ledger.
func Encode(e Entry) ([]byte, error) {
	w := wireEntry{
		V: SchemaVersion, ID: e.ID, Direction: e.Direction, Person: e.Person, Conversation: e.Conversation,
		Envelope: e.Envelope, Native: e.Native, Messages: e.Messages, Kind: e.Kind, Body: e.Body, At: stamp(e.At),
		Skill: e.Skill, Rule: e.Rule,
	}
	if e.Sender != (core.Sender{}) {
		w.Sender = &e.Sender
	}
	return json.Marshal(w)
}

// Decode reads the wire form. The error wraps ErrSchema when the bytes are of a
// version or shape this build does not know, or are no entry that can be stored.
func Decode(data []byte) (Entry, error) {
	var w wireEntry
	if err := json.Unmarshal(data, &w); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if w.V < 1 || w.V > SchemaVersion {
		return Entry{}, fmt.Errorf("%w: version %d, this build reads 1 to %d", ErrSchema, w.V, SchemaVersion)
	}
	e := Entry{
		ID: w.ID, Direction: w.Direction, Person: w.Person, Conversation: w.Conversation, Envelope: w.Envelope,
		Native: w.Native, Messages: w.Messages, Kind: w.Kind, Body: w.Body, At: stamp(w.At), Skill: w.Skill, Rule: w.Rule,
	}
	if w.Sender != nil {
		e.Sender = *w.Sender
	}
	if err := e.Check(); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return e, nil
}
