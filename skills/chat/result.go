package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

const (
	// maxResult bounds the words of one result that the model reads, in bytes.
	maxResult = 16 << 10
	// maxCallKept bounds what is remembered of a call's arguments and of its result, in bytes
	// and in characters.
	maxCallKept = 300
)

// result is what came of a call, as it is kept.
type result struct {
	Outcome skills.Outcome `json:"outcome"`
	// Limit is why nothing more may be called; empty for nothing.
	Limit string `json:"limit,omitempty"`
	// Text is what the model reads.
	Text string `json:"text"`
	// Skill was called, in Turn.
	Skill string          `json:"skill,omitempty"`
	Turn  core.EnvelopeID `json:"turn,omitempty"`
	// Send is what the person is sent with the answer, in the wire form of replies: here,
	// and elsewhere where it has a conversation.
	Send []json.RawMessage `json:"send,omitempty"`
	// Question is what the skill asks the person; nil for nothing.
	Question *question `json:"question,omitempty"`
}

// question is skills.Question as it is kept.
type question struct {
	Parts json.RawMessage `json:"parts"`
	State json.RawMessage `json:"state,omitempty"`
	For   time.Duration   `json:"for"`
}

// anyReply names the replies in which parts are kept.
const anyReply = core.ReplyID("-")

// resultOf makes what the model reads, and the person gets, of what a skill said.
func resultOf(r skills.Result) (result, error) {
	out := result{Outcome: skills.ToolDone, Skill: r.Skill, Turn: r.Turn}
	var words []string
	send := func(reply core.Reply) error {
		reply.ID = anyReply
		data, err := core.EncodeReply(reply)
		out.Send = append(out.Send, data)
		return err
	}
	for _, parts := range r.Said {
		words = append(words, sayParts(parts)...)
		if own := sendable(parts); len(own) > 0 {
			if err := send(core.Reply{Parts: own}); err != nil {
				return result{}, fault.New(fault.Bug, "keep a tool's result", err)
			}
		}
	}
	for _, reply := range r.Elsewhere {
		if err := send(reply); err != nil {
			return result{}, fault.New(fault.Bug, "keep a tool's result", err)
		}
	}
	if q := r.Question; q != nil {
		data, err := core.EncodeReply(core.Reply{ID: anyReply, Parts: q.Parts})
		if err != nil {
			return result{}, fault.New(fault.Bug, "keep a tool's question", err)
		}
		out.Question = &question{Parts: data, State: q.State, For: q.For}
		words = append(words, "[The person is asked this, and will answer the tool itself: "+core.JoinText(q.Parts)+"]")
	}
	out.Text = boundText(strings.Join(words, "\n"), r.LeftOut)
	return out, nil
}

// sayParts puts a tool's reply into words for the model.
func sayParts(parts []core.Part) []string {
	var words []string
	for _, p := range parts {
		switch p := p.(type) {
		case core.Text:
			words = append(words, p.Text)
		case core.Buttons:
			var labels []string
			for _, row := range p.Rows {
				for _, b := range row {
					labels = append(labels, b.Label)
				}
			}
			words = append(words, "[The person is shown this with the buttons: "+strings.Join(labels, ", ")+"]")
		case core.Media:
			words = append(words, "["+describeMedia(p)+"; the person is sent it with your answer]")
			if p.Caption != "" {
				words = append(words, p.Caption)
			}
		default:
			if label := describePart(p, ""); label != "" {
				words = append(words, "["+label+"; the person is sent it with your answer]")
			}
		}
	}
	return words
}

// sendable is what the person is sent of a tool's reply: what is no text, and all of one
// with buttons.
func sendable(parts []core.Part) []core.Part {
	if slices.ContainsFunc(parts, func(p core.Part) bool { _, ok := p.(core.Buttons); return ok }) {
		return parts
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p core.Part) bool { _, ok := p.(core.Text); return ok })
}

// boundText cuts what the model reads of a result, and says so.
func boundText(text string, leftOut int) string {
	if text == "" && leftOut == 0 {
		return "[It is done; the tool said nothing.]"
	}
	whole := len(text) + leftOut
	text = cutBytes(text, maxResult)
	if whole > len(text) {
		text += fmt.Sprintf("\n[Cut: these are the first %d of %d bytes.]", len(text), whole)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// cutBytes keeps at most limit bytes.
func cutBytes(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}

// pictures reads those that tools gave, as far as the model may be shown more.
func (l *loop) pictures(ctx context.Context, results []result) ([]models.Image, error) {
	var out []models.Image
	for _, r := range results {
		for _, data := range r.Send {
			reply, err := core.DecodeReply(data)
			if err != nil {
				return nil, unreadable(err)
			}
			for _, p := range reply.Parts {
				m, ok := p.(core.Media)
				if !ok || m.Kind != core.Image || m.Size > maxPictureSize || l.shown == maxPictures {
					continue
				}
				image, err := readPicture(ctx, l.t, m)
				if err != nil {
					return nil, err
				}
				if image != nil {
					l.shown++
					out = append(out, *image)
				}
			}
		}
	}
	return out, nil
}

// seen tells whether the person sees something of a call.
func (d told) seen() bool { return len(d.result.Send) > 0 || d.result.Question != nil }

// fresh are the calls that no turn before has answered for.
func (l *loop) fresh() []told {
	return slices.DeleteFunc(slices.Clone(l.done), func(d told) bool { return l.decided.before(d.step, d.index) })
}

// hand sends what the tools made, and puts their question to the person.
func (l *loop) hand(done []told) error {
	var asked *told
	for i, d := range done {
		for _, data := range d.result.Send {
			reply, err := core.DecodeReply(data)
			switch {
			case err != nil:
				return unreadable(err)
			case reply.To != (core.Conversation{}):
				l.w.ReplyIn(reply.To, reply.Person, reply.Parts...)
			default:
				l.w.Reply(reply.Parts...)
			}
		}
		if d.result.Question != nil {
			asked = &done[i]
		}
	}
	if asked == nil {
		return nil
	}
	q := asked.result.Question
	reply, err := core.DecodeReply(q.Parts)
	if err != nil {
		return unreadable(err)
	}
	l.w.Reply(reply.Parts...)
	// The answer is for the skill that asks.
	l.t.Session.Ask(l.t.Envelope.In, l.t.Envelope.From, session.Asked{
		Skill: asked.result.Skill, Turn: asked.result.Turn, State: q.State, Until: l.t.Now.Add(q.For),
	})
	return nil
}

// brief is what is remembered of calls.
func brief(done []told) []session.Call {
	var out []session.Call
	for _, d := range done {
		c := session.Call{Tool: cut(d.call.Name, maxName), Result: cut(d.result.Text, maxCallKept)}
		if len(d.call.Arguments) <= maxCallKept {
			c.Input = d.call.Arguments
		}
		out = append(out, c)
	}
	return out
}
