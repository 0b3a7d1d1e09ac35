package core

import (
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
type wirePart struct{ Part }

func (w wirePart) MarshalJSON() ([]byte, error) {
	if w.Part == nil {
		return nil, errors.New("empty part")
	}
	return json.Marshal(map[string]Part{w.partName(): w.Part})
}

func (w *wirePart) UnmarshalJSON(data []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	if len(m) != 1 {
		return fmt.Errorf("%w: a part has one key, not %d", ErrSchema, len(m))
	}
	for name, body := range m {
		read, ok := partReaders[name]
		if !ok {
			return fmt.Errorf("%w: part %q", ErrSchema, name)
		}
		part, err := read(body)
		if err != nil {
			return err
		}
		w.Part = part
	}
	return nil
}

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
