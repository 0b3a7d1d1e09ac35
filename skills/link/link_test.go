package link_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/link"
	"github.com/parley-hub/parley/skills/skilltest"
)

var (
	home = core.Conversation{Account: "home", Place: core.Private, Chat: "h"}
	anna = session.Identity{Who: core.Sender{Realm: "r", ID: "9", Name: "Ann\nA", Handle: "@ann"}, Home: home}
)

// links answers as it is told.
type links struct {
	code    session.Code
	linking session.Linking
	err     error
	voided  []string
}

func (l *links) Issue(context.Context, *skills.Turn) (session.Code, error) { return l.code, l.err }
func (l *links) Redeem(_ context.Context, _ *skills.Turn, _ string) (session.Linking, error) {
	return l.linking, l.err
}
func (l *links) Void(_ context.Context, code string) error {
	l.voided = append(l.voided, code)
	return l.err
}

var issued = session.Code{Outcome: session.Done, Code: "K7QM3HXT", Until: skilltest.Now.Add(10 * time.Minute)}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New: func(*testing.T) skills.Skill {
			return link.New(&links{code: issued, linking: session.Linking{Outcome: session.Wrong}}, nil)
		},
		NewFailing: func(*testing.T) skills.Skill { return link.New(&links{err: errors.New("broken")}, nil) },
	})
}

func run(t *testing.T, l *links, o skilltest.TurnOptions) *skilltest.RecordingWriter {
	t.Helper()
	o.Command = "link"
	var w skilltest.RecordingWriter
	if err := link.New(l, nil).Handle(t.Context(), skilltest.NewTurn(o), &w); err != nil {
		t.Fatal(err)
	}
	return &w
}

func TestACodeIsShown(t *testing.T) {
	got := run(t, &links{code: issued}, skilltest.TurnOptions{}).Text()
	want := "To link another account with this one, write this to me there, in a private chat, within 10 minutes:\n\n/link K7QM3HXT\n\n" +
		"The two are then one person for me. What we say in private is one conversation there and here.\n\nGive the code to nobody: who uses it is you for me."
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = run(t, &links{code: session.Code{Outcome: session.TooMany, Until: skilltest.Now.Add(61 * time.Second)}}, skilltest.TurnOptions{}).Text()
	if got != "You asked for many codes. I can show you the next one in 2 minutes." {
		t.Errorf("%q", got)
	}
}

// Where memories are per account, nobody is told of one conversation.
func TestNothingIsPromisedThatThePolicyDoesNot(t *testing.T) {
	turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "link"})
	turn.Key.Scope = session.OfAccount
	var w skilltest.RecordingWriter
	if err := link.New(&links{code: issued}, nil).Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.Text(), "conversation") {
		t.Errorf("%q", w.Text())
	}
}

func TestRedeem(t *testing.T) {
	here := session.Identity{Who: core.Sender{Realm: "realm", ID: "id-Anna", Name: "Anna"}, Home: core.Conversation{Account: "account"}}
	both := []session.Identity{anna, here}
	for name, c := range map[string]struct {
		l        session.Linking
		language string
		want     string
		told     string
	}{
		"done": {
			session.Linking{Outcome: session.Done, With: anna, Accounts: both}, "",
			"Linked: this account and Ann A (@ann) – home are one person for me now. What we say in private is one conversation there and here.\n\n" +
				"Your accounts:\n1. Ann A (@ann) – home\n2. Anna – account\n/unlink takes one away.",
			"The code that I showed you was used: Anna – account is linked with this account now. What we say in private is one conversation there and here.\n\n" +
				"Was that not you? Write /unlink.",
		},
		"in German": {
			session.Linking{Outcome: session.Already, With: anna, Accounts: both}, "de-AT",
			"Diese Konten sind schon verknüpft.\n\nDeine Konten:\n1. Ann A (@ann) – home\n2. Anna – account\n/unlink nimmt eines weg.", "",
		},
		"same":     {session.Linking{Outcome: session.Same}, "", "This is the account that I showed the code to. Write it to me on the other platform.", ""},
		"wrong":    {session.Linking{Outcome: session.Wrong, Left: 3}, "", "There is no such code, or it is no longer valid. Write /link on the other platform for a new one. Tries left: 3.", ""},
		"too many": {session.Linking{Outcome: session.TooMany, Until: skilltest.Now.Add(8 * time.Minute)}, "", "Those were too many wrong codes. I take none from this account for 8 minutes.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, &links{linking: c.l}, skilltest.TurnOptions{Args: " k7qm 3hxt ", Language: c.language})
			if w.Text() != c.want {
				t.Errorf("%q, want %q", w.Text(), c.want)
			}
			told := w.Elsewhere()
			if (len(told) == 1) != (c.told != "") || len(told) == 1 &&
				(told[0].To != home || told[0].Person != anna.Base() || core.JoinText(told[0].Parts) != c.told) {
				t.Errorf("elsewhere: %+v, want %q", told, c.told)
			}
		})
	}
	// Nobody is told where nobody knows the chat.
	unknown := session.Identity{Who: anna.Who}
	w := run(t, &links{linking: session.Linking{Outcome: session.Done, With: unknown}}, skilltest.TurnOptions{Args: "x"})
	if len(w.Elsewhere()) > 0 {
		t.Errorf("%+v", w.Elsewhere())
	}
}

func TestGroupsAreRefused(t *testing.T) {
	l := &links{code: issued}
	if got := run(t, l, skilltest.TurnOptions{Place: core.Group}).Text(); strings.Contains(got, issued.Code) || !strings.Contains(got, "never in a group") || len(l.voided) > 0 {
		t.Errorf("%q, voided %q", got, l.voided)
	}
	w := run(t, l, skilltest.TurnOptions{Place: core.Group, Args: " K7QM3HXT"})
	if got := w.Text(); strings.Contains(got, issued.Code) || !strings.Contains(got, "no longer valid") || len(l.voided) != 1 || l.voided[0] != "K7QM3HXT" {
		t.Errorf("%q, voided %q", got, l.voided)
	}
}

// A code comes with the links that carry it, where there are any.
func TestLinksAreShownBesideTheCode(t *testing.T) {
	doors := func(_ context.Context, _ *skills.Turn, c core.Command) []link.Door {
		return []link.Door{{Label: "support", URL: "https://chat.example/" + c.Name + "-" + c.Args}, {Label: "desk", URL: "https://desk.example"}}
	}
	var w skilltest.RecordingWriter
	if err := link.New(&links{code: issued}, doors).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "link"}), &w); err != nil {
		t.Fatal(err)
	}
	want := "conversation there and here.\n\nOr open one of these there:\nsupport: https://chat.example/link-K7QM3HXT\ndesk: https://desk.example\n\nGive the code to nobody"
	if !strings.Contains(w.Text(), want) {
		t.Errorf("%q, want in it %q", w.Text(), want)
	}
	none := func(context.Context, *skills.Turn, core.Command) []link.Door { return nil }
	w = skilltest.RecordingWriter{}
	if err := link.New(&links{code: issued}, none).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "link"}), &w); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.Text(), "open one") {
		t.Errorf("%q", w.Text())
	}
}

// Who follows a link is asked first, and nothing is changed by it; in a group the code
// is void.
func TestInvited(t *testing.T) {
	for name, c := range map[string]struct {
		args   string
		place  core.Place
		scope  session.Scope
		known  bool
		want   string
		button string
		voided string
	}{
		"a link": {
			"link-K7QM3HXT", core.Private, session.OfPerson, true,
			"This link makes your account here and the one that it was made for one person for me. What we said in private here can then be read there. " +
				"Only go on if you made it yourself a moment ago, with /link.", "link:K7QM3HXT", "",
		},
		"memories apart": {
			"link-K7QM3HXT", core.Private, session.OfAccount, true,
			"This link makes your account here and the one that it was made for one person for me. " +
				"Only go on if you made it yourself a moment ago, with /link.", "link:K7QM3HXT", "",
		},
		"in a group": {
			"link-K7QM3HXT", core.Group, session.OfPlace, true,
			"Others can read this, so I did not use the code, and it is no longer valid. Write /link to me in a private chat for a new one.", "", "K7QM3HXT",
		},
		"another word": {"ref_123", core.Private, session.OfPerson, false, "", "", ""},
		"no code":      {"link-K7QM:3HXT", core.Private, session.OfPerson, false, "", "", ""},
		"a bare code":  {"K7QM3HXT", core.Private, session.OfPerson, false, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &links{linking: session.Linking{Outcome: session.Done}}
			turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "start", Args: c.args, Place: c.place})
			turn.Key.Scope = c.scope
			var w skilltest.RecordingWriter
			known, err := link.New(l, nil).Invited(t.Context(), turn, &w)
			if err != nil || known != c.known || w.Text() != c.want || strings.Join(l.voided, " ") != c.voided {
				t.Errorf("%v, %v, said %q, voided %q; want %v, %q", known, err, w.Text(), l.voided, c.known, c.want)
			}
			var button string
			for _, r := range w.Replies() {
				for _, p := range r {
					if b, ok := p.(core.Buttons); ok {
						button = b.Rows[0][0].Data
					}
				}
			}
			if button != c.button {
				t.Errorf("button %q, want %q", button, c.button)
			}
		})
	}
}
