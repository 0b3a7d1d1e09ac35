package skilltest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

const echoSchema = `{"type": "object", "required": ["at", "tags"], "properties": {
	"at": {"type": "object", "required": ["lat", "kind"], "properties": {"lat": {"type": "number", "minimum": 3}, "kind": {"enum": ["a", "b"]}}},
	"tags": {"type": "array", "minItems": 2, "items": {"type": "string"}}}}`

// echo repeats what was said.
type echo struct{}

func (echo) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: "echo", Commands: []skills.Command{{Name: "echo", Help: map[string]string{"en": "Repeat"}}},
		Tools: []skills.Tool{{Name: "Echo-2", Description: "Repeats", Input: json.RawMessage(echoSchema)}},
	}
}

func (echo) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.Reply(core.Text{Text: "You said: " + t.Args})
	return nil
}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return echo{} }})
}

// broken is an echo that breaks one rule.
type broken struct {
	echo
	handle func(ctx context.Context, t *skills.Turn, w skills.Writer) error
}

func (b broken) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	return b.handle(ctx, t, w)
}

// breaches are skills that the suite must not let pass.
var breaches = map[string]func(ctx context.Context, t *skills.Turn, w skills.Writer) error{
	"panics": func(context.Context, *skills.Turn, skills.Writer) error { panic("boom") },
	"fails on long texts": func(_ context.Context, t *skills.Turn, _ skills.Writer) error {
		if len(t.Args) > 1000 {
			return errors.New("too long")
		}
		return nil
	},
	"replies nothing in a reply": func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		w.Reply()
		return nil
	},
	"replies an empty text": func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		w.Reply(core.Text{})
		return nil
	},
	"replies and fails": func(ctx context.Context, _ *skills.Turn, w skills.Writer) error {
		w.Reply(core.Text{Text: "fine"})
		return ctx.Err()
	},
	"hides that it was cancelled": func(ctx context.Context, _ *skills.Turn, _ skills.Writer) error {
		if ctx.Err() != nil {
			return errors.New("no")
		}
		return nil
	},
	"asks what cannot be asked": func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "?"}}})
		return nil
	},
	"cannot go on with its own question": func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		if t.Asked != nil {
			return errors.New("what?")
		}
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "?"}}, For: time.Minute})
		return nil
	},
	"reaches beyond its manifest": func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		_, _ = t.World.Secret("key")
		w.Reply(core.Text{Text: "nobody saw it"})
		return nil
	},
	"fails when a model calls": func(_ context.Context, t *skills.Turn, _ skills.Writer) error {
		if t.Called != nil {
			return errors.New("not a person")
		}
		return nil
	},
	"does another thing the second time": func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		for range t.Attempt {
			w.Reply(core.Text{Text: "again"})
		}
		return nil
	},
}

// breach names, in a process of its own, which of the breaches TestBreach is.
const breach = "SKILLTEST_BREACH"

func TestBreach(t *testing.T) {
	if handle, ok := breaches[os.Getenv(breach)]; ok {
		skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return broken{handle: handle} }})
	}
}

func TestSuiteFindsBreaches(t *testing.T) {
	for name := range breaches {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBreach$", "-test.count=1")
			cmd.Env = append(os.Environ(), breach+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: TestBreach/") {
				t.Errorf("the suite let it pass: %v\n%s", err, out)
			}
		})
	}
}

func TestTurnIsAsTheDispatcherMakesIt(t *testing.T) {
	said := skilltest.NewTurn(skilltest.TurnOptions{Text: "hi", Parts: []core.Part{core.Media{Kind: core.Image, Caption: "me"}}})
	if said.Args != "hi\nme" || said.Envelope.Text() != said.Args || said.Person != said.Envelope.From.Person() || !said.Envelope.Addressed {
		t.Errorf("turn %+v", said)
	}
	command := skilltest.NewTurn(skilltest.TurnOptions{Command: "echo", Args: "x", Place: core.Group, Overheard: true})
	if c, ok := command.Envelope.Command(); !ok || c.Name != "echo" || c.Args != "x" || command.Args != "x" {
		t.Errorf("command %+v, args %q", c, command.Args)
	}
	if command.Envelope.In.Place != core.Group || command.Envelope.Addressed {
		t.Errorf("envelope %+v", command.Envelope)
	}
	if again := skilltest.NewTurn(skilltest.TurnOptions{}); again.ID != said.ID {
		t.Errorf("turns of one id are %q and %q", said.ID, again.ID)
	}
}

func TestSessionRemembersWithoutChanges(t *testing.T) {
	turn := session.Turn{ID: "a", At: skilltest.Now, Said: []session.Line{{Name: "Bob", Text: "hi"}}, Answer: "hello", Tokens: 3}
	s := skilltest.NewSession(turn)
	history, err := s.History()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]session.Turn{turn}, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if c := s.Changes(); len(c.Append) > 0 || c.Trim > 0 || len(c.Set) > 0 {
		t.Errorf("changes %+v", c)
	}
}

func TestRecordingWriter(t *testing.T) {
	var w skilltest.RecordingWriter
	seen := 0
	w.OnDraft = func([]core.Part) { seen++ }
	w.Draft()
	if w.Drafted() {
		t.Error("typing counts as words")
	}
	w.Draft(core.Text{Text: "a"})
	if !w.Drafted() || seen != 2 || len(w.Drafts()) != 2 {
		t.Errorf("drafted %t, seen %d, drafts %v", w.Drafted(), seen, w.Drafts())
	}
	w.Reply(core.Text{Text: "ab"})
	w.Reply(core.Text{Text: "c"})
	if w.Drafted() || w.Text() != "ab\nc" || len(w.Replies()) != 2 {
		t.Errorf("drafted %t, text %q", w.Drafted(), w.Text())
	}
	w.Close()
	w.Draft()
	w.Reply()
	if w.Late() != 2 {
		t.Errorf("%d calls were late, want 2", w.Late())
	}
}
