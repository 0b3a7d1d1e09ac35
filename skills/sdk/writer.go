package sdk

import (
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// writer hands what a skill says to the hub.
type writer struct {
	hub     *hub
	drafted bool
	// err is why something could not be handed on; it fails the turn.
	err error
}

var _ skills.Writer = (*writer)(nil)

func (w *writer) parts(parts []core.Part, send func(*protocol.Parts) *protocol.ToHub) {
	p, err := protocol.EncodeParts(parts)
	if err == nil {
		err = w.hub.send(send(p))
	}
	w.failed(err)
}

func (w *writer) failed(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Draft implements skills.Writer.
func (w *writer) Draft(parts ...core.Part) {
	w.drafted = w.drafted || len(parts) > 0
	w.parts(parts, func(p *protocol.Parts) *protocol.ToHub { return &protocol.ToHub{Is: &protocol.ToHub_Draft{Draft: p}} })
}

// Drafted implements skills.Writer.
func (w *writer) Drafted() bool { return w.drafted }

// Reply implements skills.Writer.
func (w *writer) Reply(parts ...core.Part) {
	w.drafted = false
	w.parts(parts, func(p *protocol.Parts) *protocol.ToHub { return &protocol.ToHub{Is: &protocol.ToHub_Reply{Reply: p}} })
}

// ReplyIn implements skills.Writer.
func (w *writer) ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part) {
	e, err := protocol.EncodeElsewhere(to, person, parts)
	if err == nil {
		err = w.hub.send(&protocol.ToHub{Is: &protocol.ToHub_Elsewhere{Elsewhere: e}})
	}
	w.failed(err)
}

// Ask implements skills.Writer.
func (w *writer) Ask(q skills.Question) {
	w.drafted = false
	a, err := protocol.EncodeAsk(q)
	if err == nil {
		err = w.hub.send(&protocol.ToHub{Is: &protocol.ToHub_Ask{Ask: a}})
	}
	w.failed(err)
}
