package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

func sentAt(e core.Envelope, minute int) core.Envelope {
	e.SentAt = time.Date(2026, 11, 20, 10, minute, 0, 0, time.UTC)
	return e
}

// asking is a memory in which poll asked user 1, until minute 30.
func asking(t *testing.T, in core.Conversation, skill string) *session.Session {
	t.Helper()
	s := empty(t)
	s.Ask(in, says(in, "1", "").From, session.Asked{
		Skill: skill, Turn: "asked", State: json.RawMessage(`1`), Until: time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC),
	})
	return s
}

func TestAnswersFindTheirQuestion(t *testing.T) {
	press := func(data string) core.Envelope {
		return kind(sentAt(says(private, "1", ""), 20), core.KindAction, core.Action{Data: data})
	}
	for _, c := range []struct {
		name   string
		skill  string
		in     core.Conversation
		e      core.Envelope
		want   string
		rule   string
		answer bool
		why    string
	}{
		{"answer", "poll", private, sentAt(says(private, "1", "yes"), 20), "poll", "(asked)", true, "asked this person"},
		{"at the last moment", "poll", private, sentAt(says(private, "1", "yes"), 30), "poll", "(asked)", true, ""},
		{"too late", "poll", private, sentAt(says(private, "1", "yes"), 31), "chat", "(default)", false, "the time for the answer to poll was over"},
		{"a command", "poll", private, sentAt(says(private, "1", "/help"), 20), "help", "(command)", false, "a command does not answer the question of the skill poll"},
		{"cancel", "poll", private, sentAt(says(private, "1", "/cancel"), 20), "", "(asked)", false, "/cancel ends the question of the skill poll"},
		{"cancel too late", "poll", private, sentAt(says(private, "1", "/cancel"), 31), "help", "(command)", false, ""},
		{"its button", "poll", private, press("poll:2"), "poll", "(button)", true, ""},
		{"another's button", "poll", private, press("help:2"), "help", "(button)", false, ""},
		{"a skill that went", "gone", private, sentAt(says(private, "1", "yes"), 20), "chat", "(default)", false, "no longer there"},
		{"an edit", "poll", private, kind(sentAt(says(private, "1", "yes"), 20), core.KindEdit), "", "(event)", false, ""},
		{"a group, past the bot", "poll", group, sentAt(says(group, "1", "yes"), 20), "poll", "(asked)", true, ""},
		{"a group, somebody else", "poll", group, sentAt(addressed(says(group, "2", "yes")), 20), "chat", "(default)", false, "no question waits for this person"},
	} {
		tb := table(t, nil)
		r, steps := tb.Explain(c.e, asking(t, c.in, c.skill), router.Meaning{})
		if r.Skill != c.want || r.Rule != c.rule || (r.Asked != nil) != c.answer || r.Cancelled != (c.name == "cancel") {
			t.Errorf("%s: %+v", c.name, r)
		}
		if r.Asked != nil && (r.Asked.Turn != "asked" || string(r.Asked.State) != "1") {
			t.Errorf("%s: asked %+v", c.name, r.Asked)
		}
		if text := fmt.Sprint(steps); !strings.Contains(text, c.why) {
			t.Errorf("%s: explained by %s", c.name, text)
		}
	}
}

// Who may not use the bot answers nothing; the operator's rules come behind a question.
func TestAskedAmongTheRules(t *testing.T) {
	e := sentAt(says(private, "1", "yes"), 20)
	closed := table(t, func(o *router.TableOptions) { o.Access.DM = router.Closed })
	if r := closed.Route(e, asking(t, private, "poll"), router.Meaning{}); !r.Refused {
		t.Errorf("%+v", r)
	}
	ruled := table(t, func(o *router.TableOptions) {
		o.Rules = []router.Rule{{Name: "all", To: router.Target{Skill: "start"}}}
	})
	if r := ruled.Route(e, asking(t, private, "poll"), router.Meaning{}); r.Skill != "poll" {
		t.Errorf("%+v", r)
	}
	if r := ruled.Route(e, empty(t), router.Meaning{}); r.Skill != "start" {
		t.Errorf("%+v", r)
	}
}

func TestTriggers(t *testing.T) {
	may := func(skills.Role, core.Conversation) bool { return true }
	change := func(o *router.TableOptions) {
		o.Triggers = []router.Trigger{
			{Skill: "poll", Every: []core.Place{core.Group}, Allows: may},
			{Skill: "start", Keywords: []string{"weather forecast"}, Pattern: regexp.MustCompile(`(?i)^remind`), Allows: may},
			{Skill: "help", Keywords: []string{"weather forecast", "secret"}, Allows: func(r skills.Role, in core.Conversation) bool { return in.Place == core.Group }},
		}
	}
	ruled := func(o *router.TableOptions) {
		change(o)
		o.Rules = []router.Rule{{Name: "mine", When: router.Condition{Keywords: []string{"weather"}}, To: router.Target{Skill: "chat"}}}
	}
	for _, c := range []struct {
		name   string
		change func(*router.TableOptions)
		e      core.Envelope
		want   string // "-" for nobody
		rule   string
	}{
		{"keyword", change, says(private, "1", "the Weather forecast?"), "start", "(trigger)"},
		{"part of a word", change, says(private, "1", "weather forecasting"), "chat", "(default)"},
		{"pattern", change, says(private, "1", "Remind me"), "start", "(trigger)"},
		{"not allowed here", change, says(private, "1", "a secret"), "chat", "(default)"},
		{"a keyword before every message", change, addressed(says(group, "1", "a secret")), "help", "(trigger)"},
		{"a keyword past the bot", change, says(group, "1", "a secret"), "poll", "(every)"},
		{"every message past the bot", change, says(group, "1", "hello all"), "poll", "(every)"},
		{"a command is none", change, addressed(says(group, "1", "/help")), "help", "(command)"},
		{"a button is none", change, kind(says(group, "1", ""), core.KindAction, core.Action{Data: "start:1"}), "start", "(button)"},
		{"the operator's rule first", ruled, says(private, "1", "weather forecast"), "chat", "mine"},
	} {
		if r := table(t, c.change).Route(c.e, empty(t), router.Meaning{}); r.Skill != c.want || r.Rule != c.rule {
			t.Errorf("%s: %s by %s", c.name, r.Skill, r.Rule)
		}
	}
}

// asker asks for a name and a color, one after the other.
func asker(_ context.Context, t *skills.Turn, w skills.Writer) error {
	switch {
	case t.Args == "break":
		return fault.New(fault.Permanent, "asker", errors.New("broken"), fault.WithPublic("broken"))
	case t.Args == "odd":
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "odd"}}})
	case t.Asked == nil && t.Args == "ask":
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "name?"}}, State: json.RawMessage(`[]`), For: time.Hour})
	case t.Asked == nil:
		w.Reply(core.Text{Text: "heard " + t.Args})
	default:
		var said []string
		if err := json.Unmarshal(t.Asked.State, &said); err != nil {
			return err
		}
		if said = append(said, t.Args); len(said) == 2 {
			w.Reply(core.Text{Text: strings.Join(said, " likes ")})
			return nil
		}
		state, err := json.Marshal(said)
		if err != nil {
			return err
		}
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "color?"}}, State: state, For: time.Hour})
	}
	return nil
}

func TestQuestionsAndAnswers(t *testing.T) {
	r := newRig(t, asker, nil)
	r.run()
	talk := func(user core.UserID, text, want string) {
		t.Helper()
		r.say(says(private, user, text))
		if got := r.text(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q is answered with %q, want %q", user, text, got, want)
		}
	}
	talk("1", "ask", "name?")
	talk("2", "Bert", "heard Bert")
	talk("1", "break", "broken") // the turn is buried, the question still waits
	talk("1", "Ada", "color?")
	talk("1", "green", "Ada likes green")
	talk("1", "red", "heard red")
	talk("1", "ask", "name?")
	talk("1", "/cancel", "In Ordnung.")
	talk("1", "Ada", "heard Ada")
	talk("1", "ask", "name?")
	r.say(says(private, "1", "Ada"), func(e *core.Envelope) { e.SentAt = time.Now().Add(2 * time.Hour) })
	if got := r.text(); got != "heard Ada" {
		t.Errorf("too late an answer got %q", got)
	}
	talk("1", "Ada", "heard Ada") // what was too late ended it
	talk("1", "odd", "Something went wrong")
}
