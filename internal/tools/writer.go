package tools

import (
	"encoding/json"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// What is taken of one call.
const (
	// maxText is how much text, in bytes.
	maxText = 64 << 10
	// maxReplies is how many replies, maxOther how many parts that are no text, and
	// maxOtherSize how large they are together, written as JSON.
	maxReplies   = 64
	maxOther     = 32
	maxOtherSize = 256 << 10
)

// writer collects what a called skill says. It is used by one goroutine at a time.
type writer struct {
	r skills.Result
	// text, other and size are what was taken so far.
	text, other, size int
}

var _ skills.Writer = (*writer)(nil)

// Draft implements skills.Writer. Nobody is shown a tool's.
func (w *writer) Draft(...core.Part) {}

// Drafted implements skills.Writer.
func (w *writer) Drafted() bool { return false }

// Reply implements skills.Writer.
func (w *writer) Reply(parts ...core.Part) {
	if parts = w.take(parts); len(parts) > 0 {
		w.r.Said = append(w.r.Said, parts)
	}
}

// ReplyIn implements skills.Writer.
func (w *writer) ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part) {
	if parts = w.take(parts); len(parts) > 0 {
		w.r.Elsewhere = append(w.r.Elsewhere, core.Reply{To: to, Person: person, Parts: parts})
	}
}

// Ask implements skills.Writer. The last question counts; what another one said is a reply.
func (w *writer) Ask(q skills.Question) {
	if before := w.r.Question; before != nil {
		w.r.Said = append(w.r.Said, before.Parts)
	}
	q.Parts = w.take(q.Parts)
	w.r.Question = &q
}

// take gives what there is room for.
func (w *writer) take(parts []core.Part) []core.Part {
	if len(w.r.Said)+len(w.r.Elsewhere) >= maxReplies {
		w.r.LeftOut += len(core.JoinText(parts))
		return nil
	}
	var out []core.Part
	for _, p := range parts {
		if text, ok := p.(core.Text); ok {
			if text.Text = w.room(text.Text); text.Text != "" {
				out = append(out, text)
			}
			continue
		}
		data, err := json.Marshal(p)
		if err != nil || w.other >= maxOther || w.size+len(data) > maxOtherSize {
			w.r.LeftOut += len(data)
			continue
		}
		w.other++
		w.size += len(data)
		out = append(out, p)
	}
	return out
}

// room gives as much of a text as is left of the bound.
func (w *writer) room(text string) string {
	n := min(len(text), maxText-w.text)
	w.text += n
	if n < len(text) {
		w.r.LeftOut += len(text) - n
		return strings.ToValidUTF8(text[:n], "")
	}
	return text
}

// result ends the call.
func (w *writer) result(turn core.EnvelopeID, skill string) (skills.Result, error) {
	w.r.Turn, w.r.Skill = turn, skill
	if q := w.r.Question; q != nil {
		if err := q.Check(); err != nil {
			return skills.Result{}, fault.New(fault.Permanent, "question of the skill "+skill, err)
		}
	}
	return w.r, nil
}
