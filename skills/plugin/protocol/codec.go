package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// anyReply names the replies in which parts travel alone.
const anyReply = core.ReplyID("-")

// EncodeParts writes parts.
func EncodeParts(parts []core.Part) (*Parts, error) {
	data, err := core.EncodeReply(core.Reply{ID: anyReply, Parts: parts})
	if err != nil {
		return nil, fmt.Errorf("write parts: %w", err)
	}
	return &Parts{Parts: data}, nil
}

// Decode reads parts.
func (x *Parts) Decode() ([]core.Part, error) {
	r, err := core.DecodeReply(x.GetParts())
	return r.Parts, err
}

// EncodeElsewhere writes a reply to another conversation.
func EncodeElsewhere(to core.Conversation, person core.PersonID, parts []core.Part) (*Elsewhere, error) {
	data, err := core.EncodeReply(core.Reply{ID: anyReply, To: to, Person: person, Parts: parts})
	if err != nil {
		return nil, fmt.Errorf("write parts: %w", err)
	}
	return &Elsewhere{Reply: data}, nil
}

// Decode reads a reply to another conversation.
func (x *Elsewhere) Decode() (core.Reply, error) { return core.DecodeReply(x.GetReply()) }

// EncodeAsk writes a question.
func EncodeAsk(q skills.Question) (*Ask, error) {
	parts, err := EncodeParts(q.Parts)
	if err != nil {
		return nil, err
	}
	return &Ask{Parts: parts.Parts, State: q.State, Wait: int64(q.For)}, nil
}

// Decode reads a question.
func (x *Ask) Decode() (skills.Question, error) {
	parts, err := (&Parts{Parts: x.GetParts()}).Decode()
	return skills.Question{Parts: parts, State: x.GetState(), For: time.Duration(x.GetWait())}, err
}

// EncodeTurn writes what a program is told of a turn.
func EncodeTurn(t *skills.Turn) (*Turn, error) {
	envelope, err := core.EncodeEnvelope(t.Envelope)
	if err != nil {
		return nil, fmt.Errorf("write envelope: %w", err)
	}
	remembered, err := encodeSession(t.Session)
	if err != nil {
		return nil, err
	}
	out := &Turn{
		Envelope: envelope, Args: []byte(t.Args), Person: valid(t.Person), KeyScope: string(t.Key.Scope), KeyAccount: valid(t.Key.Account),
		KeyOwner: valid(t.Key.Owner), KeyThread: valid(t.Key.Thread), Role: string(t.Role), Model: valid(t.Model), Rule: valid(t.Rule),
		Now: t.Now.UnixNano(), Attempt: int32(t.Attempt), Input: t.Input, Session: remembered, LogLevel: int32(t.Log.GetLevel()),
	}
	if t.Asked != nil {
		out.Asked = &Asked{Turn: valid(t.Asked.Turn), State: t.Asked.State}
	}
	if t.Called != nil {
		out.Called = &Called{Tool: valid(t.Called.Tool), Call: valid(t.Called.Call)}
	}
	return out, nil
}

// valid makes a text one that a message may hold.
func valid[S ~string](text S) string { return strings.ToValidUTF8(string(text), "\uFFFD") }

// Decode reads a turn; its log, files and world are the caller's to fill in.
func (x *Turn) Decode() (*skills.Turn, error) {
	e, err := core.DecodeEnvelope(x.GetEnvelope())
	if err != nil {
		return nil, err
	}
	s, err := x.GetSession().decode()
	if err != nil {
		return nil, err
	}
	t := &skills.Turn{
		ID: e.ID, Envelope: e, Args: string(x.GetArgs()), Person: core.PersonID(x.GetPerson()),
		Key: session.Key{
			Scope: session.Scope(x.GetKeyScope()), Account: core.Account(x.GetKeyAccount()),
			Owner: x.GetKeyOwner(), Thread: core.ThreadID(x.GetKeyThread()),
		},
		Role: skills.Role(x.GetRole()), Session: s, Model: x.GetModel(), Rule: x.GetRule(), Now: time.Unix(0, x.GetNow()).UTC(),
		Attempt: int(x.GetAttempt()), Log: zerolog.Nop(), Input: x.GetInput(),
	}
	if a := x.GetAsked(); a != nil {
		t.Asked = &skills.Asked{Turn: core.EnvelopeID(a.GetTurn()), State: a.GetState()}
	}
	if c := x.GetCalled(); c != nil {
		t.Called = &skills.Called{Tool: c.GetTool(), Call: c.GetCall()}
	}
	return t, nil
}

// request is models.Request without what is no data.
type request struct {
	models.Request
	// Shown hides the function; what was shown is told as Restart.
	Shown *struct{} `json:",omitempty"`
}

// EncodeRequest writes a request to a model.
func EncodeRequest(pool string, r models.Request) (*ChatRequest, error) {
	data, err := json.Marshal(request{Request: r})
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return &ChatRequest{Pool: valid(pool), Request: data}, nil
}

// Decode reads a request to a model.
func (x *ChatRequest) Decode() (models.Request, error) {
	var r request
	if err := json.Unmarshal(x.GetRequest(), &r); err != nil {
		return models.Request{}, fmt.Errorf("the request cannot be read: %w", err)
	}
	for i := range r.Tools {
		r.Tools[i].Parameters = given(r.Tools[i].Parameters)
	}
	for i := range r.Messages {
		readCalls(r.Messages[i].Calls)
	}
	if r.Format != nil {
		r.Format.Schema = given(r.Format.Schema)
	}
	return r.Request, nil
}

// EncodeDelta writes a piece of a model's answer.
func EncodeDelta(d models.Delta) ([]byte, error) { return json.Marshal(d) }

// DecodeDelta reads one.
func DecodeDelta(data []byte) (models.Delta, error) {
	var d models.Delta
	if err := json.Unmarshal(data, &d); err != nil {
		return models.Delta{}, fmt.Errorf("the answer cannot be read: %w", err)
	}
	readCalls(d.Calls)
	return d, nil
}

func readCalls(calls []models.ToolCall) {
	for i := range calls {
		calls[i].Arguments = given(calls[i].Arguments)
	}
}

// given takes back what JSON makes of nothing.
func given(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

var errNoMedia = errors.New("the media cannot be read")

// EncodeMedia writes a media.
func EncodeMedia(m core.Media) ([]byte, error) { return json.Marshal(m) }

// DecodeMedia reads a media.
func DecodeMedia(data []byte) (core.Media, error) {
	var m core.Media
	if err := json.Unmarshal(data, &m); err != nil {
		return core.Media{}, fmt.Errorf("%w: %w", errNoMedia, err)
	}
	return m, nil
}

// EncodeHeaders writes the headers of a call or its answer.
func EncodeHeaders(h http.Header) []*Header {
	out := make([]*Header, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			out = append(out, &Header{Name: valid(name), Value: valid(v)})
		}
	}
	return out
}

// DecodeHeaders reads them.
func DecodeHeaders(headers []*Header) http.Header {
	out := http.Header{}
	for _, h := range headers {
		out.Add(h.GetName(), h.GetValue())
	}
	return out
}
