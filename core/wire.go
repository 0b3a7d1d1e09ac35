package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SchemaVersion is the version this build writes. It reads every version from 1 on.
const SchemaVersion = 1

// ErrSchema is returned for a wire form this build cannot read: made by a newer
// one, or not an envelope or reply at all.
var ErrSchema = errors.New("unknown wire form")

type wireEnvelope struct {
	V         int          `json:"v"`
	ID        EnvelopeID   `json:"id"`
	Kind      Kind         `json:"kind"`
	In        Conversation `json:"in"`
	From      Sender       `json:"from"`
	Native    MessageID    `json:"native,omitempty"`
	ReplyTo   *Quote       `json:"reply_to,omitempty"`
	Addressed bool         `json:"addressed,omitempty"`
	Album     AlbumID      `json:"album,omitempty"`
	Parts     []wirePart   `json:"parts,omitempty"`
	SentAt    time.Time    `json:"sent_at"`
	Trace     TraceID      `json:"trace,omitempty"`
}

type wireReply struct {
	V         int          `json:"v"`
	ID        ReplyID      `json:"id"`
	Rev       int          `json:"rev,omitempty"`
	Final     bool         `json:"final,omitempty"`
	To        Conversation `json:"to"`
	Person    PersonID     `json:"person,omitempty"`
	InReplyTo MessageID    `json:"in_reply_to,omitempty"`
	Parts     []wirePart   `json:"parts,omitempty"`
	Trace     TraceID      `json:"trace,omitempty"`
}

// wirePart is one part as {"name": {...}}: the single key says which type it is.
// It is written and taken apart by hand, because every message goes through here
// several times.
type wirePart struct{ Part }

func (w wirePart) MarshalJSON() ([]byte, error) {
	if w.Part == nil {
		return nil, errors.New("empty part")
	}
	body, err := json.Marshal(w.Part)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(body)+24)
	out = append(out, `{"`...)
	out = append(out, w.partName()...)
	out = append(out, `":`...)
	return append(append(out, body...), '}'), nil
}

func (w *wirePart) UnmarshalJSON(data []byte) error {
	// The decoder calls this with valid JSON only.
	rest, ok := bytes.CutPrefix(data, []byte("{"))
	rest, ok2 := bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(`"`))
	name, rest, ok3 := bytes.Cut(rest, []byte(`"`))
	rest, ok4 := bytes.CutPrefix(bytes.TrimLeft(rest, space), []byte(":"))
	if !ok || !ok2 || !ok3 || !ok4 {
		return fmt.Errorf("%w: a part is an object of one key", ErrSchema)
	}
	read, known := partReaders[string(name)]
	if !known {
		return fmt.Errorf("%w: part %q", ErrSchema, name)
	}
	// What stands behind the value, a second key, is no JSON and fails to be read.
	part, err := read(rest[:len(rest)-1])
	if err != nil {
		return fmt.Errorf("%w: part %s: %w", ErrSchema, name, err)
	}
	w.Part = part
	return nil
}

// space is JSON's white space.
const space = " \t\r\n"

func reader[P Part](data []byte) (Part, error) {
	var p P
	err := json.Unmarshal(data, &p)
	return p, err
}

var partReaders = map[string]func([]byte) (Part, error){
	Text{}.partName():        reader[Text],
	Mention{}.partName():     reader[Mention],
	Media{}.partName():       reader[Media],
	Location{}.partName():    reader[Location],
	Contact{}.partName():     reader[Contact],
	Command{}.partName():     reader[Command],
	Action{}.partName():      reader[Action],
	Reaction{}.partName():    reader[Reaction],
	Buttons{}.partName():     reader[Buttons],
	Change{}.partName():      reader[Change],
	Moved{}.partName():       reader[Moved],
	Adoption{}.partName():    reader[Adoption],
	Unsupported{}.partName(): reader[Unsupported],
}

func toWire(parts []Part) []wirePart {
	if len(parts) == 0 {
		return nil
	}
	out := make([]wirePart, len(parts))
	for i, p := range parts {
		out[i] = wirePart{p}
	}
	return out
}

func fromWire(parts []wirePart) []Part {
	if len(parts) == 0 {
		return nil
	}
	out := make([]Part, len(parts))
	for i, p := range parts {
		out[i] = p.Part
	}
	return out
}

// EncodeEnvelope writes the wire form. Times are written in UTC.
func EncodeEnvelope(e Envelope) ([]byte, error) {
	return json.Marshal(wireEnvelope{
		V: SchemaVersion, ID: e.ID, Kind: e.Kind, In: e.In, From: e.From, Native: e.Native, ReplyTo: e.ReplyTo,
		Addressed: e.Addressed, Album: e.Album, Parts: toWire(e.Parts), SentAt: e.SentAt.UTC(), Trace: e.Trace,
	})
}

// DecodeEnvelope reads the wire form. The error wraps ErrSchema when the bytes
// are of a version or shape this build does not know.
func DecodeEnvelope(data []byte) (Envelope, error) {
	var w wireEnvelope
	if err := decode(data, &w, func() (int, string) { return w.V, string(w.ID) }); err != nil {
		return Envelope{}, fmt.Errorf("envelope: %w", err)
	}
	return Envelope{
		ID: w.ID, Kind: w.Kind, In: w.In, From: w.From, Native: w.Native, ReplyTo: w.ReplyTo,
		Addressed: w.Addressed, Album: w.Album, Parts: fromWire(w.Parts), SentAt: w.SentAt, Trace: w.Trace,
	}, nil
}

// EncodeReply writes the wire form.
func EncodeReply(r Reply) ([]byte, error) {
	return json.Marshal(wireReply{
		V: SchemaVersion, ID: r.ID, Rev: r.Rev, Final: r.Final, To: r.To, Person: r.Person,
		InReplyTo: r.InReplyTo, Parts: toWire(r.Parts), Trace: r.Trace,
	})
}

// DecodeReply reads the wire form; errors as DecodeEnvelope.
func DecodeReply(data []byte) (Reply, error) {
	var w wireReply
	if err := decode(data, &w, func() (int, string) { return w.V, string(w.ID) }); err != nil {
		return Reply{}, fmt.Errorf("reply: %w", err)
	}
	return Reply{
		ID: w.ID, Rev: w.Rev, Final: w.Final, To: w.To, Person: w.Person,
		InReplyTo: w.InReplyTo, Parts: fromWire(w.Parts), Trace: w.Trace,
	}, nil
}

func decode(data []byte, into any, head func() (version int, id string)) error {
	if err := json.Unmarshal(data, into); err != nil {
		if errors.Is(err, ErrSchema) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrSchema, err)
	}
	version, id := head()
	if version < 1 || version > SchemaVersion {
		return fmt.Errorf("%w: version %d, this build reads 1 to %d", ErrSchema, version, SchemaVersion)
	}
	if id == "" {
		return fmt.Errorf("%w: no id", ErrSchema)
	}
	return nil
}
