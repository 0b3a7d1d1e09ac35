package world

import (
	"context"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// writer refuses what the manifest does not allow. It is used by one goroutine at a time,
// and by World.Tell beside it.
type writer struct {
	skills.Writer
	world *world
	// own is what a program's turn may name; nil for a skill inside the hub.
	own *own
	ctx context.Context // the turn's

	mu      sync.Mutex
	refused error
}

func (w *writer) refusal() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// may tells whether the parts may be said, and remembers that they may not.
func (w *writer) may(parts []core.Part) bool {
	if w.own == nil {
		return true
	}
	permission, what := w.own.foreign(parts)
	if permission == "" {
		return true
	}
	w.refused = w.world.denied(permission, what)
	return false
}

// Draft implements skills.Writer.
func (w *writer) Draft(parts ...core.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.may(parts) {
		w.Writer.Draft(parts...)
	}
}

// Reply implements skills.Writer.
func (w *writer) Reply(parts ...core.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.may(parts) {
		w.Writer.Reply(parts...)
	}
}

// Ask implements skills.Writer.
func (w *writer) Ask(q skills.Question) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.may(q.Parts) {
		w.Writer.Ask(q)
	}
}

// ReplyIn implements skills.Writer.
func (w *writer) ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.world.m.Permissions.Elsewhere:
		w.refused = w.world.denied(skills.PermitElsewhere, "reply in another chat")
	case !w.may(parts):
	case w.own == nil:
		w.Writer.ReplyIn(to, person, parts...)
	default:
		theirs, err := w.theirs(to, person)
		switch {
		case err != nil:
			w.refused = err
		case !theirs:
			w.refused = w.world.denied(skills.PermitElsewhere, "reply in a chat of somebody else")
		default:
			w.Writer.ReplyIn(to, person, parts...)
		}
	}
}

// theirs tells whether a private chat is one of the person who speaks.
func (w *writer) theirs(to core.Conversation, person core.PersonID) (bool, error) {
	if e := w.world.t.Envelope; to == e.In && to.Place == core.Private && person == e.From.Person() {
		return true, nil // the records follow
	}
	return w.world.p.o.At(w.ctx, w.world.t.Person, to, person)
}

// tell says something in chats that the hub chose.
func (w *writer) tell(at []session.Address, parts []core.Part) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.may(parts) {
		return w.refused
	}
	for _, a := range at {
		w.Writer.ReplyIn(a.In, a.Base, parts...)
	}
	return nil
}
