package unlink_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/skills/unlink"
)

var (
	here  = session.Identity{Who: core.Sender{Realm: "realm", ID: "id-Anna", Name: "Anna"}, Home: core.Conversation{Account: "account", Place: core.Private, Chat: "chat-Anna"}}
	there = session.Identity{Who: core.Sender{Realm: "r", ID: "9", Name: "Ann"}, Home: core.Conversation{Account: "home", Place: core.Private, Chat: "h"}}
)

// links holds the accounts of one person, and takes one away as it is told.
type links struct {
	all    []session.Identity
	err    error
	chosen *session.Choice
}

func (l *links) Accounts(context.Context, *skills.Turn) ([]session.Identity, error) {
	return l.all, l.err
}

func (l *links) Unlink(_ context.Context, t *skills.Turn, c session.Choice) (session.Parting, error) {
	l.chosen = &c
	switch {
	case l.err != nil:
		return session.Parting{}, l.err
	case len(l.all) < 2:
		return session.Parting{Outcome: session.Alone}, nil
	}
	for i, a := range l.all {
		if c.Place == i+1 || c.Base == a.Base() {
			return session.Parting{Outcome: session.Done, Left: a, Rest: []session.Identity{l.all[1-i]}}, nil
		}
	}
	return session.Parting{Outcome: session.Unknown, Rest: l.all}, nil
}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return unlink.New(&safe{}) },
		NewFailing: func(*testing.T) skills.Skill { return unlink.New(&links{err: errors.New("broken")}) },
	})
}

// safe is for many turns at once.
type safe struct{}

func (safe) Accounts(context.Context, *skills.Turn) ([]session.Identity, error) {
	return []session.Identity{there, here}, nil
}
func (safe) Unlink(context.Context, *skills.Turn, session.Choice) (session.Parting, error) {
	return session.Parting{Outcome: session.Unknown}, nil
}

const list = "Which account is to go?\n1. Ann – home\n2. Anna – account (this one)\n\nWrite /unlink and its number, or /unlink this. The others keep our conversation."

func TestUnlink(t *testing.T) {
	both := []session.Identity{there, here}
	leftThere := "Done: Ann – home is on its own now. Our conversation goes on with Anna – account."
	leftHere := "Done: this account is on its own now, and I remember nothing of our conversation here any more. It goes on with Ann – home."
	for name, c := range map[string]struct {
		all    []session.Identity
		args   string
		action bool
		want   string
		told   bool
	}{
		"which":             {both, "", false, list, false},
		"nobody":            {both[1:], "", false, "This account is linked with no other one. /link changes that.", false},
		"nobody, by number": {nil, "1", false, "This account is linked with no other one. /link changes that.", false},
		"the first":         {both, "1", false, leftThere, true},
		"this, by number":   {both, " 2. ", false, leftHere, false},
		"this":              {both, "This", false, leftHere, false},
		"by button":         {both, string(there.Base()), true, leftThere, true},
		"none such":         {both, "3", false, "You have no such account.\n" + list, false},
		"no number":         {both, "the old one", false, "You have no such account.\n" + list, false},
		"a stale button":    {both, "pgone", true, "You have no such account.\n" + list, false},
	} {
		t.Run(name, func(t *testing.T) {
			turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "unlink", Args: c.args})
			if c.action {
				turn.Envelope.Kind = core.KindAction
			}
			var w skilltest.RecordingWriter
			if err := unlink.New(&links{all: c.all}).Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if w.Text() != c.want {
				t.Errorf("%q, want %q", w.Text(), c.want)
			}
			told := w.Elsewhere()
			if (len(told) == 1) != c.told {
				t.Fatalf("elsewhere: %+v", told)
			}
			if c.told && (told[0].To != there.Home || told[0].Person != there.Base() ||
				!strings.HasPrefix(core.JoinText(told[0].Parts), "This account is no longer linked: Anna – account took")) {
				t.Errorf("elsewhere: %+v", told)
			}
		})
	}
}

func TestButtonsNameTheAccount(t *testing.T) {
	var w skilltest.RecordingWriter
	turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "unlink", Language: "de"})
	if err := unlink.New(&links{all: []session.Identity{there, here}}).Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	parts := w.Replies()[0]
	buttons, ok := parts[1].(core.Buttons)
	if !ok || len(buttons.Rows) != 2 || buttons.Rows[0][0].Data != "unlink:"+string(there.Base()) || len(buttons.Rows[0][0].Data) > 64 {
		t.Errorf("%+v", parts)
	}
	if !strings.HasPrefix(w.Text(), "Welches Konto soll weg?") {
		t.Errorf("%q", w.Text())
	}
}
