package cache

import (
	"time"
	"unicode/utf8"

	"github.com/parley-hub/parley/models"
)

// chunk is about how many bytes of a kept answer come in one delta: a few words, as a
// worker sends them, but not each by itself.
const chunk = 64

// answer is a complete one, with finish stop and without tool calls. Its JSON is what
// a Remote keeps.
type answer struct {
	Text    string       `json:"text"`
	Model   string       `json:"model"`
	Version string       `json:"version"`
	Usage   models.Usage `json:"usage"`
	// Fresh is until when it is given as it is, Stale until when while it is asked for
	// anew.
	Fresh time.Time `json:"fresh"`
	Stale time.Time `json:"stale"`
}

type state uint8

const (
	fresh state = iota
	stale
	gone
)

func (a *answer) state(now time.Time) state {
	switch {
	case now.Before(a.Fresh):
		return fresh
	case now.Before(a.Stale):
		return stale
	default:
		return gone
	}
}

// weight is about how many bytes the answer takes.
func (a *answer) weight() uint32 { return uint32(len(a.Text)+len(a.Model)+len(a.Version)) + 256 }

// pieces are the deltas of an answer that is given again.
func (a *answer) pieces(yield func(models.Delta) bool) {
	for rest := a.Text; rest != ""; {
		n := min(chunk, len(rest))
		for n < len(rest) && !utf8.RuneStart(rest[n]) {
			n++
		}
		if !yield(models.Delta{Text: rest[:n]}) {
			return
		}
		rest = rest[n:]
	}
	saved := a.Usage
	yield(models.Delta{Finish: models.FinishStop, Usage: &models.Usage{}, Saved: &saved, Model: a.Model, Version: a.Version})
}

// collector gathers a stream into an answer.
type collector struct {
	text    []byte
	usage   models.Usage
	model   string
	version string
	finish  models.Finish
	calls   bool
	// saved is true for an answer that was given before.
	saved bool
}

func (c *collector) add(d models.Delta) {
	if d.Reset {
		c.text, c.calls = c.text[:0], false
	}
	c.text = append(c.text, d.Text...)
	c.calls = c.calls || len(d.Calls) > 0
	c.saved = c.saved || d.Saved != nil
	if d.Usage != nil {
		c.usage = *d.Usage
	}
	if d.Finish != "" {
		c.finish, c.model, c.version = d.Finish, d.Model, d.Version
	}
}

// whole tells whether it is an answer that can be given again.
func (c *collector) whole() bool {
	return c.finish == models.FinishStop && !c.calls && !c.saved && len(c.text) > 0
}
