package router

import (
	"context"
	"errors"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/session"
)

// silent is a directory that does not answer, and knew somebody.
type silent struct{}

func (silent) PersonOf(context.Context, core.Sender) (core.PersonID, error) {
	return "", errors.New("down")
}
func (silent) Guess(core.Sender) core.PersonID                    { return "known" }
func (silent) Lives(context.Context, core.PersonID) (bool, error) { return false, errors.New("down") }

// A directory that does not answer is no failure of a message: it is taken, by what was
// known, and its turn waits without counting (see package queue on RateLimited).
func TestSilentDirectory(t *testing.T) {
	m := Memories{Directory: silent{}}
	e := core.Envelope{In: core.Conversation{Account: "a", Place: core.Private, Chat: "c"}, From: core.Sender{Realm: "r", ID: "u"}}
	if _, _, err := m.of(t.Context(), e); fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0 {
		t.Errorf("a turn: %v (%v, %v)", err, fault.ClassOf(err), fault.Wait(err))
	}
	if key := m.near(t.Context(), e); key.Scope != session.OfPerson || key.Owner != "known" {
		t.Errorf("an envelope goes to %+v", key)
	}
}
