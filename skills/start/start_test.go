package start_test

import (
	"context"
	"errors"
	"strings"
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
		"a few of many": {
			start.Options{List: list}, skilltest.TurnOptions{},
			"Hello! I am a bot.\n" + what + "\n\nA few commands:\n/a – Do a\n/b – Do b\n/c – Do c\n/d – Do d",
		},
		"nothing to use": {start.Options{List: none}, skilltest.TurnOptions{}, "Hello! I am a bot.\n" + what},
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

// What a link carries is answered by whom it is for, and else by the greeting.
func TestInvited(t *testing.T) {
	for name, c := range map[string]struct {
		args  string
		known bool
		err   error
		want  string
	}{
		"known":   {"link-K7QM3HXT", true, nil, "link-K7QM3HXT"},
		"unknown": {"ref_123", false, nil, "Hello! I am a bot."},
		"failed":  {"link-K7QM3HXT", false, errors.New("broken"), ""},
		"nothing": {"", true, nil, "Hello! I am a bot."},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			s := start.New(start.Options{List: none, Invited: func(_ context.Context, t *skills.Turn, w skills.Writer) (bool, error) {
				if c.known {
					w.Reply(core.Text{Text: t.Args})
				}
				return c.known, c.err
			}})
			err := s.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Command: "start", Args: c.args}), &w)
			if got, _, _ := strings.Cut(w.Text(), "\n"); !errors.Is(err, c.err) || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}
