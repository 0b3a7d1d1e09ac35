package router_test

import (
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	private = core.Conversation{Account: "a", Place: core.Private, Chat: "1"}
	group   = core.Conversation{Account: "a", Place: core.Group, Chat: "-1"}
	thread  = core.Conversation{Account: "b", Place: core.Group, Chat: "-1", Thread: "5"}
)

func says(in core.Conversation, user core.UserID, text string) core.Envelope {
	e := core.Envelope{
		ID: "e", Kind: core.KindMessage, In: in, Addressed: in.Place == core.Private, Native: "1",
		From: core.Sender{Realm: "r", ID: user, Language: "de-AT"}, Parts: []core.Part{core.Text{Text: text}},
	}
	if name, args, ok := strings.Cut(text, " "); strings.HasPrefix(name, "/") || !ok && strings.HasPrefix(text, "/") {
		e.Parts = []core.Part{core.Command{Name: strings.TrimPrefix(name, "/"), Args: args}}
	}
	return e
}

func addressed(e core.Envelope) core.Envelope { e.Addressed = true; return e }

func bot(e core.Envelope) core.Envelope { e.From.Bot = true; return e }

func kind(e core.Envelope, k core.Kind, parts ...core.Part) core.Envelope {
	e.Kind = k
	e.Parts = parts
	return e
}

func options() router.TableOptions {
	return router.TableOptions{
		Commands: map[string]string{"help": "help", "start": "start"}, Skills: []string{"chat", "help", "start", "poll"},
		Default: "chat", Fallback: "help", Access: router.Access{DM: router.Open, Groups: router.Addressed},
	}
}

func table(t *testing.T, change func(*router.TableOptions)) *router.Table {
	t.Helper()
	o := options()
	if change != nil {
		change(&o)
	}
	tb, err := router.NewTable(o)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func empty(t *testing.T) *session.Session {
	t.Helper()
	s, err := session.Load(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuiltInRoutes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*router.TableOptions)
		e      core.Envelope
		want   string // skill, "-" ignored, "!" refused
		rule   string
	}{
		{"private text", nil, says(private, "1", "hi"), "chat", "(default)"},
		{"group past the bot", nil, says(group, "1", "hi"), "-", "(bystander)"},
		{"group to the bot", nil, addressed(says(group, "1", "hi")), "chat", "(default)"},
		{"thread to the bot", nil, addressed(says(thread, "1", "hi")), "chat", "(default)"},
		{"command", nil, says(private, "1", "/help me"), "help", "(command)"},
		{"unknown command in private", nil, says(private, "1", "/dance"), "help", "(command)"},
		{"unknown command in a group", nil, addressed(says(group, "1", "/dance")), "-", "(command)"},
		{"bot", nil, bot(says(private, "1", "hi")), "-", "(access)"},
		{"edit", nil, kind(says(private, "1", "hi"), core.KindEdit), "-", "(event)"},
		{"membership", nil, kind(says(group, "1", ""), core.KindMembership), "-", "(event)"},
		{"other", nil, kind(says(private, "1", ""), core.KindOther), "-", "(event)"},
		{"a kind of tomorrow", nil, kind(says(private, "1", ""), "hologram"), "-", "(event)"},
		{"button", nil, kind(says(private, "1", ""), core.KindAction, core.Action{Data: "poll:yes"}), "poll", "(button)"},
		{"button of nobody", nil, kind(says(private, "1", ""), core.KindAction, core.Action{Data: "gone:yes"}), "-", "(button)"},
		{"groups off", func(o *router.TableOptions) { o.Access.Groups = router.Off }, addressed(says(group, "1", "x")), "-", "(access)"},
		{"groups all", func(o *router.TableOptions) { o.Access.Groups = router.All }, says(group, "1", "x"), "chat", "(default)"},
		{"dm closed", func(o *router.TableOptions) { o.Access.DM = router.Closed }, says(private, "1", "x"), "!", "(access)"},
		{"dm closed, admin", func(o *router.TableOptions) {
			o.Access.DM = router.Closed
			o.Access.Admins = []router.Member{{Realm: "r", User: "1"}}
		}, says(private, "1", "x"), "chat", "(default)"},
		{"dm listed, stranger", func(o *router.TableOptions) { o.Access.DM = router.Listed }, says(private, "1", "x"), "!", "(access)"},
		{"dm listed, listed", func(o *router.TableOptions) {
			o.Access.DM = router.Listed
			o.Access.Allow = []router.Member{{Realm: "r", User: "1"}}
		}, says(private, "1", "x"), "chat", "(default)"},
		{"listed in another realm", func(o *router.TableOptions) {
			o.Access.DM = router.Listed
			o.Access.Allow = []router.Member{{Realm: "s", User: "1"}}
		}, says(private, "1", "x"), "!", "(access)"},
	} {
		tb := table(t, c.change)
		r := tb.Route(c.e, empty(t), router.Meaning{})
		got := r.Skill
		switch {
		case r.Ignore:
			got = "-"
		case r.Refused:
			got = "!"
		}
		if got != c.want || r.Rule != c.rule {
			t.Errorf("%s: %s by %s, want %s by %s", c.name, got, r.Rule, c.want, c.rule)
		}
		explained, steps := tb.Explain(c.e, empty(t), router.Meaning{})
		if explained != r || len(steps) == 0 || !steps[len(steps)-1].Matched || steps[len(steps)-1].Because == "" {
			t.Errorf("%s: explained as %+v with %+v", c.name, explained, steps)
		}
	}
}

func TestRules(t *testing.T) {
	no := false
	rule := func(w router.Condition, to router.Target) func(*router.TableOptions) {
		return func(o *router.TableOptions) {
			o.Rules = []router.Rule{{Name: "mine", When: w, To: to}}
			o.Access.Admins = []router.Member{{Realm: "r", User: "9"}}
		}
	}
	help := router.Target{Skill: "help"}
	for _, c := range []struct {
		name string
		when router.Condition
		e    core.Envelope
		hits bool
	}{
		{"nothing asked", router.Condition{}, says(private, "1", "x"), true},
		{"channel", router.Condition{Channels: []core.Account{"a"}}, says(private, "1", "x"), true},
		{"other channel", router.Condition{Channels: []core.Account{"b"}}, says(private, "1", "x"), false},
		{"place", router.Condition{Places: []router.Where{router.InThread}}, addressed(says(thread, "1", "x")), true},
		{"a thread is no group", router.Condition{Places: []router.Where{router.InGroup}}, addressed(says(thread, "1", "x")), false},
		{"role", router.Condition{Roles: []skills.Role{skills.Admin}}, says(private, "9", "x"), true},
		{"other role", router.Condition{Roles: []skills.Role{skills.Admin}}, says(private, "1", "x"), false},
		{"command", router.Condition{Commands: []string{"start"}}, says(private, "1", "/start now"), true},
		{"other command", router.Condition{Commands: []string{"start"}}, says(private, "1", "start"), false},
		{"keyword", router.Condition{Keywords: []string{"Preis"}}, says(private, "1", "Welcher PREIS?"), true},
		{"keyword inside a word", router.Condition{Keywords: []string{"preis"}}, says(private, "1", "Preisliste, Höchstpreis"), false},
		{"keyword after such a word", router.Condition{Keywords: []string{"preis"}}, says(private, "1", "höchstpreis preis"), true},
		{"keyword of letters beyond ASCII", router.Condition{Keywords: []string{"цена"}}, says(private, "1", "какая Цена?"), true},
		{"two words", router.Condition{Keywords: []string{"opening hours"}}, says(private, "1", "your opening hours?"), true},
		{"empty keyword", router.Condition{Keywords: []string{" "}}, says(private, "1", "x"), false},
		{"pattern", router.Condition{Pattern: regexp.MustCompile(`#\d+`)}, says(private, "1", "see #12"), true},
		{"no pattern", router.Condition{Pattern: regexp.MustCompile(`#\d+`)}, says(private, "1", "see"), false},
		{"language", router.Condition{Languages: []string{"de"}}, says(private, "1", "x"), true},
		{"region", router.Condition{Languages: []string{"de-CH"}}, says(private, "1", "x"), false},
		{"no prefix of a tag", router.Condition{Languages: []string{"d"}}, says(private, "1", "x"), false},
		{"past the bot", router.Condition{}, says(group, "1", "x"), false},
		{"asked for past the bot", router.Condition{Addressed: &no}, says(group, "1", "x"), true},
		{"asked for past the bot, but meant", router.Condition{Addressed: &no}, addressed(says(group, "1", "x")), false},
		{"all must hold", router.Condition{Languages: []string{"de"}, Keywords: []string{"y"}}, says(private, "1", "x"), false},
	} {
		r := table(t, rule(c.when, help)).Route(c.e, empty(t), router.Meaning{})
		if hit := r.Rule == "mine" && r.Skill == "help"; hit != c.hits {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestFirstRuleWins(t *testing.T) {
	tb := table(t, func(o *router.TableOptions) {
		o.Rules = []router.Rule{
			{Name: "one", When: router.Condition{Keywords: []string{"x"}}, To: router.Target{Model: "fast"}},
			{Name: "two", To: router.Target{Ignore: true}},
		}
	})
	if r := tb.Route(says(private, "1", "x"), empty(t), router.Meaning{}); r.Rule != "one" || r.Skill != "chat" || r.Model != "fast" {
		t.Errorf("%+v", r)
	}
	if r := tb.Route(says(private, "1", "y"), empty(t), router.Meaning{}); r.Rule != "two" || !r.Ignore {
		t.Errorf("%+v", r)
	}
}

// What a conversation chose is not the route's: whoever answers knows how far it counts.
func TestRouteNamesNoModelButARules(t *testing.T) {
	s := empty(t)
	s.SetModel("mine", "admin")
	if r := table(t, nil).Route(says(private, "1", "x"), s, router.Meaning{}); r.Model != "" {
		t.Errorf("%+v", r)
	}
}

func TestRuleToNowhereIsRefused(t *testing.T) {
	o := options()
	o.Rules = []router.Rule{{Name: "a", To: router.Target{Skill: "nope"}}, {Name: "b", To: router.Target{Skill: "nada"}}}
	_, err := router.NewTable(o)
	if err == nil || !strings.Contains(err.Error(), "nope") || !strings.Contains(err.Error(), "nada") {
		t.Errorf("%v", err)
	}
}

func FuzzRouteIsTotal(f *testing.F) {
	f.Add("hi", "message", "private", true)
	f.Add("/x \x00", "action", "group", false)
	f.Fuzz(func(t *testing.T, text, kind, place string, meant bool) {
		e := says(core.Conversation{Account: "a", Place: core.Place(place), Chat: "1"}, "1", text)
		e.Kind, e.Addressed = core.Kind(kind), meant
		tb := table(t, func(o *router.TableOptions) {
			o.Rules = []router.Rule{{Name: "k", When: router.Condition{Keywords: []string{"é", text}}, To: router.Target{Skill: "help"}}}
		})
		if r := tb.Route(e, empty(t), router.Meaning{}); r.Rule == "" || (r.Skill == "") != (r.Ignore || r.Refused) {
			t.Errorf("%+v", r)
		}
	})
}
