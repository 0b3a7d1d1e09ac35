package router_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
)

func TestIntents(t *testing.T) {
	may := func(skills.Role, core.Conversation) bool { return true }
	never := func(skills.Role, core.Conversation) bool { return false }
	change := func(o *router.TableOptions) {
		o.Triggers = []router.Trigger{
			{Skill: "poll", Every: []core.Place{core.Group}, Allows: may},
			{Skill: "start", Intents: true, Keywords: []string{"umbrella"}, Allows: may},
			{Skill: "help", Intents: true, Allows: may},
		}
	}
	alone := func(o *router.TableOptions) { change(o); o.Triggers[2].Allows = never }
	scores := func(start, help float64) router.Meaning {
		return router.Meaning{Scores: map[string]float64{"start": start, "help": help}, Least: 0.75, Ahead: 0.05}
	}
	for _, c := range []struct {
		name   string
		change func(*router.TableOptions)
		e      core.Envelope
		m      router.Meaning
		want   string // "-" for nobody
		told   string
		why    string
	}{
		{"close", change, says(private, "1", "rain?"), scores(0.83, 0.2), "start", "(intent) 0.83", "start 0.83, then help 0.20"},
		{"the second is first", change, says(private, "1", "rain?"), scores(0.2, 0.75), "help", "(intent) 0.75", "help 0.75, then start 0.20"},
		{"not close enough", change, says(private, "1", "rain?"), scores(0.74, 0.2), "chat", "(default)", "the least is 0.75"},
		{"too close to each other", change, says(private, "1", "rain?"), scores(0.83, 0.80), "chat", "(default)", "less than 0.05 apart"},
		{"who may not counts for nothing", alone, says(private, "1", "rain?"), scores(0.83, 0.82), "start", "(intent) 0.83", "start 0.83:"},
		{"nobody may", func(o *router.TableOptions) { alone(o); o.Triggers[1].Allows = never }, says(private, "1", "x"), scores(1, 1), "chat", "(default)", "no skill here"},
		{"a keyword first", change, says(private, "1", "my umbrella"), scores(0.1, 0.99), "start", "(trigger)", ""},
		{"before every message", change, addressed(says(group, "1", "rain?")), scores(0.83, 0.1), "start", "(intent) 0.83", ""},
		{"then every message", change, addressed(says(group, "1", "rain?")), scores(0.1, 0.1), "poll", "(every)", "the least"},
		{"past the bot", change, says(group, "1", "rain?"), scores(0.9, 0.1), "poll", "(every)", "the bot is not meant"},
		{"a command", change, says(private, "1", "/help"), scores(0.9, 0.1), "help", "(command)", "calls its own skill"},
		{"without words", change, says(private, "1", " "), scores(0.9, 0.1), "chat", "(default)", "no words"},
		{"not weighed", change, says(private, "1", "rain?"), router.Meaning{Why: "no vector"}, "chat", "(default)", "no vector"},
		{"the operator's rule first", func(o *router.TableOptions) {
			change(o)
			o.Rules = []router.Rule{{Name: "mine", To: router.Target{Skill: "chat"}}}
		}, says(private, "1", "rain?"), scores(0.9, 0.1), "chat", "mine", ""},
	} {
		tb := table(t, c.change)
		r, steps := tb.Explain(c.e, empty(t), c.m)
		if r.Skill != c.want || r.Told() != c.told {
			t.Errorf("%s: %s by %s", c.name, r.Skill, r.Told())
		}
		if again := tb.Route(c.e, empty(t), c.m); again != r {
			t.Errorf("%s: Route says %+v, Explain %+v", c.name, again, r)
		}
		for _, s := range steps {
			if s.Rule == "(intent)" && !strings.Contains(s.Because, c.why) {
				t.Errorf("%s: because %s", c.name, s.Because)
			}
		}
		open := c.m.Scores == nil
		if weighed := c.told == "(intent) 0.83"; weighed && tb.Route(c.e, empty(t), router.Meaning{}).Unweighed != true || r.Unweighed != open {
			t.Errorf("%s: unweighed %t", c.name, r.Unweighed)
		}
	}
	if r := table(t, nil).Route(says(private, "1", "rain?"), empty(t), router.Meaning{}); r.Unweighed {
		t.Error("there are no examples, and it is to be weighed")
	}
}

// scale weighs for the dispatcher's tests: a message that says slow waits until it is let go.
type scale struct {
	release chan struct{}

	mu    sync.Mutex
	texts []string
	who   []string
}

func (s *scale) Weigh(_ context.Context, e core.Envelope, person core.PersonID, role skills.Role) router.Meaning {
	if e.Text() == "slow" {
		<-s.release
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts, s.who = append(s.texts, e.Text()), append(s.who, string(person)+" "+string(role))
	score := 0.2
	if e.Text() != "other" {
		score = 0.91
	}
	return router.Meaning{Scores: map[string]float64{"poll": score}, Least: 0.75}
}

// A message is weighed on its own conversation's time, only where that decides, and its path
// and the records have the score.
func TestDispatcherWeighs(t *testing.T) {
	named := func(_ context.Context, turn *skills.Turn, w skills.Writer) error {
		w.Reply(core.Text{Text: turn.Rule})
		return nil
	}
	s := &scale{release: make(chan struct{})}
	r := newRig(t, named, func(o *router.DispatcherOptions) {
		o.Intents = s
		o.Table = table(t, func(o *router.TableOptions) {
			o.Triggers = []router.Trigger{{Skill: "poll", Intents: true, Allows: func(skills.Role, core.Conversation) bool { return true }}}
		})
	})
	r.run()
	for _, c := range []struct{ say, want string }{{"rain?", "(intent)"}, {"other", "(default)"}, {"/help", "(command)"}} {
		r.say(says(private, "1", c.say))
		if got := r.text(); got != c.want {
			t.Errorf("%s: by %s", c.say, got)
		}
	}
	r.say(says(private, "1", "slow"))
	r.say(says(core.Conversation{Account: "a", Place: core.Private, Chat: "2"}, "2", "other"))
	if got := r.text(); got != "(default)" {
		t.Errorf("another conversation waits: %s", got)
	}
	close(s.release)
	if got := r.text(); got != "(intent)" {
		t.Errorf("by %s", got)
	}
	if got := strings.Join(s.texts, ","); got != "rain?,other,other,slow" || s.who[0] != string(says(private, "1", "").From.Person())+" user" {
		t.Errorf("weighed %s for %q", got, s.who)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var scores []float64
	for _, e := range r.events {
		if e.Stage == core.StageRouted {
			scores = append(scores, e.Score)
		}
	}
	if !slices.Equal(scores, []float64{0.91, 0, 0, 0, 0.91}) {
		t.Errorf("scores of paths: %v", scores)
	}
}
