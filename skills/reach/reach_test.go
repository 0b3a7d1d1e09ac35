package reach_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/reach"
	"github.com/parley-hub/parley/skills/skilltest"
)

// wishes keeps one person's.
type wishes struct {
	mu   sync.Mutex
	all  []session.Identity
	wish session.Reach
	err  error
}

func (w *wishes) Accounts(context.Context, *skills.Turn) ([]session.Identity, error) {
	return w.all, w.err
}

func (w *wishes) Reach(context.Context, *skills.Turn) (session.Reach, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wish, w.err
}

func (w *wishes) SetReach(_ context.Context, _ *skills.Turn, r session.Reach) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wish = r
	return w.err
}

var (
	here  = session.Identity{Who: core.Sender{Realm: "realm", ID: "id-Anna", Name: "Anna"}, Home: core.Conversation{Account: "account"}}
	there = session.Identity{Who: core.Sender{Realm: "r", ID: "9", Name: "Ann"}, Home: core.Conversation{Account: "Home"}}
	both  = []session.Identity{there, here}
)

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return reach.New(&wishes{all: both}) },
		NewFailing: func(*testing.T) skills.Skill { return reach.New(&wishes{err: errors.New("broken")}) },
	})
}

func TestReach(t *testing.T) {
	one := func(i session.Identity) session.Reach { return session.Reach{Mode: session.ReachOne, Base: i.Base()} }
	all, last := session.Reach{Mode: session.ReachAll}, session.Reach{Mode: session.ReachLast}
	for name, c := range map[string]struct {
		args     string
		language string
		want     session.Reach
		words    string
	}{
		"a number":   {"1", "", one(there), "Noted. What you did not ask for I send to Ann – Home."},
		"a channel":  {"HOME", "", one(there), "Noted. What you did not ask for I send to Ann – Home."},
		"a button":   {string(there.Base()), "", one(there), "Noted. What you did not ask for I send to Ann – Home."},
		"this":       {"this", "", one(here), "Noted. What you did not ask for I send to Anna – account."},
		"all":        {"all", "", all, "Noted. What you did not ask for I send to all your accounts."},
		"last":       {" Last ", "", last, "Noted. What you did not ask for I send where you wrote last."},
		"in German":  {"alle", "de", all, "Notiert. Wonach du nicht gefragt hast, schicke ich an alle deine Konten."},
		"none such":  {"3", "", session.Reach{}, "You have no such account.\n"},
		"no account": {"the moon", "", session.Reach{}, "You have no such account.\n"},
		"nothing": {"", "", session.Reach{}, "What you did not ask for I send where you wrote last.\n\nYour accounts:\n1. Ann – Home\n2. Anna – account\n\n" +
			"Write /reach_me_on with a number, last (where you wrote last) or all."},
	} {
		t.Run(name, func(t *testing.T) {
			kept := &wishes{all: both}
			var w skilltest.RecordingWriter
			turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "reach_me_on", Args: c.args, Language: c.language})
			if err := reach.New(kept).Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if kept.wish != c.want || !strings.HasPrefix(w.Text(), c.words) {
				t.Errorf("kept %+v, said %q; want %+v and %q", kept.wish, w.Text(), c.want, c.words)
			}
		})
	}
}

func TestButtons(t *testing.T) {
	for n, want := range map[int]string{1: "reach:" + string(here.Base()) + " reach:last", 2: "reach:" + string(there.Base()) + " reach:" + string(here.Base()) + " reach:last reach:all"} {
		var w skilltest.RecordingWriter
		s := reach.New(&wishes{all: both[2-n:]})
		if err := s.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "reach_me_on"}), &w); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range w.Replies()[0] {
			if b, ok := p.(core.Buttons); ok {
				for _, row := range b.Rows {
					got = append(got, row[0].Data)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
