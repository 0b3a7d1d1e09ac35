package accounts_test

import (
	"context"
	"errors"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/accounts"
	"github.com/parley-hub/parley/skills/skilltest"
)

type people struct {
	all   []session.Identity
	reach session.Reach
	err   error
}

func (p people) Accounts(context.Context, *skills.Turn) ([]session.Identity, error) {
	return p.all, p.err
}
func (p people) Reach(context.Context, *skills.Turn) (session.Reach, error) { return p.reach, p.err }

var (
	here  = session.Identity{Who: core.Sender{Realm: "realm", ID: "id-Anna", Name: "Anna"}, Home: core.Conversation{Account: "account"}}
	there = session.Identity{Who: core.Sender{Realm: "r", ID: "9"}}
)

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return accounts.New(people{all: []session.Identity{here, there}}) },
		NewFailing: func(*testing.T) skills.Skill { return accounts.New(people{err: errors.New("broken")}) },
	})
}

func TestAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		people   people
		language string
		want     string
	}{
		"alone": {people{all: []session.Identity{here}}, "", "I know you by this account only. /link adds another one."},
		"two": {
			people{all: []session.Identity{here, there}, reach: session.Reach{Mode: session.ReachOne, Base: there.Base()}}, "",
			"These accounts are one person for me:\n1. Anna – account (this one)\n2. 9 – r (where you want to be reached)\n\n" +
				"/link adds one, /unlink takes one away, /reach_me_on says where I reach you.",
		},
		"in German": {
			people{all: []session.Identity{there, here}}, "de",
			"Diese Konten sind für mich eine Person:\n1. 9 – r\n2. Anna – account (dieses)\n\n" +
				"/link fügt eines hinzu, /unlink nimmt eines weg, /reach_me_on sagt, wo ich dich erreiche.",
		},
	} {
		var w skilltest.RecordingWriter
		if err := accounts.New(c.people).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Language: c.language}), &w); err != nil {
			t.Fatal(err)
		}
		if w.Text() != c.want {
			t.Errorf("%s: %q, want %q", name, w.Text(), c.want)
		}
	}
}
