package prompts_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/prompts"
	"github.com/parley-hub/parley/skills/skilltest"
)

// one loads a skill of these files, which talk answers.
func one(t *testing.T, files map[string]string, talk skills.HandlerFunc) *prompts.Skill {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, map[string]string{"one/" + name: text})
	}
	f := prompts.New(prompts.Options{
		Dir: dir, Talk: func(*prompts.Skill) skills.Handler { return talk }, Publish: func([]*prompts.Skill) error { return nil },
		Permissions: skills.Permissions{Tools: []string{skills.AllTools}},
	})
	f.Load(t.Context())
	if len(f.Skills()) != 1 {
		t.Fatal("it was not taken")
	}
	return f.Skills()[0]
}

var withFiles = map[string]string{"SKILL.md": skillMD("one", "Do it."), "references/a.md": "A", "scripts/x": "x"}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(t *testing.T) skills.Skill {
		return one(t, withFiles, func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.Reply(core.Text{Text: "well"})
			return nil
		})
	}})
}

// A model that calls the skill is given the instructions, and what they name.
func TestCalled(t *testing.T) {
	s := one(t, withFiles, nil)
	set, err := skills.NewSet(s)
	if err != nil {
		t.Fatal(err)
	}
	list := set.Callable(skills.User, core.Conversation{Place: core.Private})
	if len(list) != 1 || list[0].Name != "one" || !strings.HasPrefix(list[0].Description, "About one.\n\n") || list[0].Dangerous {
		t.Fatalf("%+v", list)
	}
	const whole = "Do it.\n\nFiles of these instructions, which the tool one reads by their names: references/a.md.\n\n" +
		"Scripts that these instructions speak of cannot be run here: do without them, and say so where that matters."
	for input, want := range map[string]string{"": whole, "{}": whole, `{"file":"references/a.md"}`: "A"} {
		checked, err := list[0].Check(json.RawMessage(input))
		if err != nil {
			t.Errorf("%s: %v", input, err)
			continue
		}
		var w skilltest.RecordingWriter
		turn := skilltest.NewTurn(skilltest.TurnOptions{Input: checked, Called: &skills.Called{Tool: "one", Call: "1"}})
		if err := s.Handle(t.Context(), turn, &w); err != nil || w.Text() != want {
			t.Errorf("%s: %q %v", input, w.Text(), err)
		}
	}
	for _, input := range []string{`{"file":"SKILL.md"}`, `{"file":"scripts/x"}`, `{"file":"../two/SKILL.md"}`, `{"file":"/etc/passwd"}`, `{"other":1}`, `{"file":1}`} {
		if _, err := list[0].Check(json.RawMessage(input)); err == nil {
			t.Errorf("%s is taken", input)
		}
		if strings.Contains(input, "other") {
			continue
		}
		var w skilltest.RecordingWriter // whoever forgot to check
		turn := skilltest.NewTurn(skilltest.TurnOptions{Input: json.RawMessage(input), Called: &skills.Called{Tool: "one", Call: "1"}})
		if err := s.Handle(t.Context(), turn, &w); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %q %v", input, w.Text(), err)
		}
	}
}

// One that must not be picked by the model is no tool, and one without files reads none.
func TestNotOffered(t *testing.T) {
	text := strings.Replace(skillMD("one", "x"), "---\nx", "metadata: {parley-tool: false}\n---\nx", 1)
	s := one(t, map[string]string{"SKILL.md": text}, func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		if t.Tools != nil {
			w.Reply(core.Text{Text: "tools"})
		}
		return nil
	})
	var w skilltest.RecordingWriter
	if err := s.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &w); err != nil || w.Text() != "" || len(s.Manifest().Tools) != 0 {
		t.Errorf("%q %v %+v", w.Text(), err, s.Manifest().Tools)
	}
}

// others are the tools of other skills.
type others struct{ called []string }

func (*others) List() []skills.Callable {
	return []skills.Callable{{Tool: skills.Tool{Name: "rain"}}, {Tool: skills.Tool{Name: "apple"}}}
}

func (o *others) Call(_ context.Context, c skills.Call) (skills.Result, error) {
	o.called = append(o.called, c.Tool)
	return skills.Result{Skill: "other"}, nil
}

// In its own turns the model reads the skill's files beside what it may call anyway.
func TestReading(t *testing.T) {
	far := &others{}
	s := one(t, withFiles, func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
		var names []string
		for _, c := range t.Tools.List() {
			names = append(names, c.Name)
			if c.Name != "one" {
				continue
			}
			if _, err := c.Check(json.RawMessage(`{}`)); err == nil {
				names = append(names, "without a file")
			}
		}
		w.Reply(core.Text{Text: strings.Join(names, " ")})
		for _, c := range []skills.Call{{Tool: "one", Input: json.RawMessage(`{"file":"references/a.md"}`)}, {Tool: "rain"}} {
			r, err := t.Tools.Call(ctx, c)
			if err != nil {
				return err
			}
			for _, parts := range r.Said {
				w.Reply(core.Text{Text: r.Skill + " " + core.JoinText(parts)})
			}
		}
		_, err := t.Tools.Call(ctx, skills.Call{Tool: "one", Input: json.RawMessage(`{"file":"none"}`)})
		return err
	})
	var w skilltest.RecordingWriter
	turn := skilltest.NewTurn(skilltest.TurnOptions{Tools: far})
	err := s.Handle(t.Context(), turn, &w)
	if fault.Public(err) != "There is no such file. There are: references/a.md" {
		t.Errorf("%v", err)
	}
	var said []string
	for _, parts := range w.Replies() {
		said = append(said, core.JoinText(parts))
	}
	if !slices.Equal(said, []string{"apple one rain", "one A"}) || !slices.Equal(far.called, []string{"rain"}) || turn.Tools != skills.Tools(far) {
		t.Errorf("%q, called %q", said, far.called)
	}
}
