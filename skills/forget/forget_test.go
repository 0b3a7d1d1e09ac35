package forget_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/forget"
	"github.com/parley-hub/parley/skills/skilltest"
)

type keeper struct {
	all []session.Identity
	out session.Forgetting
	err error
	// asked holds the wish about links of each call.
	asked chan bool
}

func (k keeper) Accounts(context.Context, *skills.Turn) ([]session.Identity, error) {
	return k.all, k.err
}

func (k keeper) Forget(_ context.Context, _ *skills.Turn, links bool) (session.Forgetting, error) {
	if k.asked != nil {
		k.asked <- links
	}
	return k.out, k.err
}

var (
	here  = session.Identity{Who: core.Sender{Realm: "realm", ID: "id-Anna", Name: "Anna"}, Home: core.Conversation{Account: "account"}}
	there = session.Identity{Who: core.Sender{Realm: "r", ID: "9", Name: "Ann"}, Home: core.Conversation{Account: "home"}}
)

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return forget.New(keeper{all: []session.Identity{here}}) },
		NewFailing: func(*testing.T) skills.Skill { return forget.New(keeper{err: errors.New("broken")}) },
	})
}

const stays = "Not erased by this: what stands in the chats themselves, what a group's own conversation remembers (/new there), copies of files (they go by themselves after some days), and the note that you asked for it."

func TestForget(t *testing.T) {
	both := session.Forgetting{Messages: 7, Accounts: 2, Letters: 1}
	const memory = "Of our private conversation I remember nothing any more.\n"
	for name, c := range map[string]struct {
		args     string
		language string
		out      session.Forgetting
		want     string
		// links is the wish: 0 none, 1 they stay, 2 they go.
		links int
	}{
		"yes": {"Yes!", "", session.Forgetting{Messages: 7, Accounts: 1}, "Erased: 7 messages and answers, accounts: 1.\n" + memory + "\n" + stays, 1},
		"yes, linked": {"yes", "", both, "Erased: 7 messages and answers, accounts: 2.\n" + memory +
			"Messages that had failed and were kept, erased too: 1.\nYour accounts are still linked; /unlink changes that.\n\n" + stays, 1},
		"links too": {"everything", "", both, "Erased: 7 messages and answers, accounts: 2.\n" + memory +
			"Messages that had failed and were kept, erased too: 1.\nYour accounts are no longer linked.\n\n" + stays, 2},
		"in German": {"alles", "de", session.Forgetting{Accounts: 1}, "Gelöscht: 0 Nachrichten und Antworten, Konten: 1.\nVon unserem privaten", 2},
		"no":        {"no", "", both, "Then I keep everything as it is.", 0},
		"nothing":   {"", "", both, "I can erase what I keep of you", 0},
		"other":     {"yes please do not", "", both, "I can erase what I keep of you", 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := keeper{all: []session.Identity{there, here}, out: c.out, asked: make(chan bool, 1)}
			turn := skilltest.NewTurn(skilltest.TurnOptions{
				Command: "forget", Args: c.args, Language: c.language, Session: skilltest.NewSession(session.Turn{ID: "a", Answer: "1"}),
			})
			turn.Session.Pin("fact")
			var w skilltest.RecordingWriter
			if err := forget.New(k).Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(w.Text(), c.want) {
				t.Errorf("%q, want %q", w.Text(), c.want)
			}
			links := 0
			select {
			case wish := <-k.asked:
				links = 1
				if wish {
					links = 2
				}
			default:
			}
			history, err := turn.Session.History()
			if err != nil || links != c.links || (len(history)+len(turn.Session.Pinned()) == 0) != (c.links > 0) {
				t.Errorf("links %d, want %d; history %v, pinned %v, %v", links, c.links, history, turn.Session.Pinned(), err)
			}
		})
	}
}

func TestItAsksFirst(t *testing.T) {
	for n, want := range map[int]string{1: "forget:yes forget:no", 2: "forget:yes forget:everything forget:no"} {
		var w skilltest.RecordingWriter
		s := forget.New(keeper{all: []session.Identity{there, here}[:n]})
		if err := s.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "forget"}), &w); err != nil {
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
		if strings.Join(got, " ") != want || !strings.Contains(w.Text(), "- Ann – home") || !strings.Contains(w.Text(), stays) {
			t.Errorf("%q, %q", got, w.Text())
		}
	}
}
