package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// survey is a skill that does everything the contract has, once.
type survey struct{}

const surveySchema = `{"type": "object", "required": ["city"], "properties": {
	"city": {"type": "string", "description": "Where"},
	"days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 3},
	"unit": {"type": "string", "enum": ["C", "F"]},
	"text": {"type": "string"}
}}`

func (survey) Manifest() skills.Manifest {
	help := map[string]string{"en": "A survey"}
	return skills.Manifest{
		Name: "survey", Version: "1.0.0",
		Commands: []skills.Command{
			{Name: "survey", Help: help}, {Name: "keep", Args: "[words]", Help: help}, {Name: "kept", Help: help},
			{Name: "far", Args: "[words]", Help: help}, {Name: "secret", Help: help},
			{Name: "forecast", Help: help, Input: json.RawMessage(surveySchema), Tool: true},
		},
		Triggers:    skills.Triggers{Keywords: []string{"tell me everything"}},
		Permissions: skills.Permissions{Storage: 1000, Secrets: []string{"key"}, Elsewhere: true},
	}
}

func (survey) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	command, _ := t.Envelope.Command()
	switch {
	case t.Asked != nil:
		return surveyed(t, w)
	case command.Name == "survey":
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "name?"}}, State: json.RawMessage(`[]`), For: time.Hour})
	case command.Name == "forecast":
		w.Reply(core.Text{Text: string(t.Input)})
	case command.Name == "keep":
		if err := t.World.PersonStorage().Set(ctx, "words", []byte(t.Args)); err != nil {
			return err
		}
		w.Reply(core.Text{Text: "kept"})
	case command.Name == "kept":
		value, ok, err := t.World.PersonStorage().Get(ctx, "words")
		if err != nil {
			return err
		}
		w.Reply(core.Text{Text: fmt.Sprintf("%s %v", value, ok)})
	case command.Name == "far":
		told, err := t.World.Tell(ctx, core.Text{Text: "from afar: " + t.Args})
		if err != nil {
			return err
		}
		w.Reply(core.Text{Text: fmt.Sprint("told ", told)})
	case command.Name == "secret":
		s, err := t.World.Secret("key")
		if err != nil {
			return err
		}
		w.Reply(core.Text{Text: fmt.Sprint(len(s.Reveal()))})
	default:
		w.Reply(core.Text{Text: "triggered"})
	}
	return nil
}

func surveyed(t *skills.Turn, w skills.Writer) error {
	var said []string
	if err := json.Unmarshal(t.Asked.State, &said); err != nil {
		return err
	}
	if said = append(said, t.Args[:min(len(t.Args), 100)]); len(said) == 2 {
		w.Reply(core.Text{Text: strings.Join(said, " likes ")})
		return nil
	}
	state, err := json.Marshal(said)
	if err != nil {
		return err
	}
	w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "color?"}}, State: state, For: time.Hour})
	return nil
}

func TestSurvey(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New: func(*testing.T) skills.Skill { return survey{} },
		World: func(*testing.T) skills.World {
			w := skilltest.NewWorld(survey{}.Manifest())
			w.Secrets = map[string]string{"key": "hunter2"}
			return w
		},
	})
}
