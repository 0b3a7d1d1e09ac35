package start_test

import (
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/skills/start"
)

func list(skills.Role, core.Place) []skills.Manifest {
	manifests := []skills.Manifest{{Name: "chat"}, start.New(start.Options{}).Manifest()}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		manifests = append(manifests, skills.Manifest{Name: name, Commands: []skills.Command{
			{Name: name, Args: "[x]", Help: map[string]string{"en": "Do " + name, "de": "Tue " + name}},
			{Name: name + "2", Help: map[string]string{"en": "Do " + name + " twice"}},
		}})
	}
	return manifests
}

func none(skills.Role, core.Place) []skills.Manifest { return nil }

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return start.New(start.Options{List: list}) }})
}

func TestGreeting(t *testing.T) {
	const what = "Write to me as you would to a person; I answer with the help of a language model and can be wrong."
	for name, c := range map[string]struct {
		options start.Options
		turn    skilltest.TurnOptions
		want    string
	}{
		"named": {
			start.Options{BotName: "Polly", List: list}, skilltest.TurnOptions{},
			"Hello! I am Polly, a bot.\n" + what + "\n\nA few commands:\n/a – Do a\n/b – Do b\n/c – Do c\n/d – Do d",
		},
		"nameless, nothing to use": {start.Options{List: none}, skilltest.TurnOptions{}, "Hello! I am a bot.\n" + what},
		"deep link in German": {
			start.Options{List: none}, skilltest.TurnOptions{Command: "start", Args: "ref_123%s", Language: "de"},
			"Hallo! Ich bin ein Bot.\nSchreib mir wie einem Menschen; ich antworte mit Hilfe eines Sprachmodells und kann mich irren.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			if err := start.New(c.options).Handle(t.Context(), skilltest.NewTurn(c.turn), &w); err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
		})
	}
}
