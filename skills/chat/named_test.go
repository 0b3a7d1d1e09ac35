package chat_test

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

// A skill that talks by instructions of its own does so in its own name, with its own pool.
func TestNamed(t *testing.T) {
	own, other := plays(calls(call("wipe", `{"city":"Rome"}`)), models.Delta{Text: "Done."}), plays(models.Delta{Text: "The other."})
	s := chat.New(chat.Options{Skill: "forms", Pool: "own", Prompt: "Fill in forms.", Models: pools{"own": own, "": other}})
	if got := s.Manifest().Name; got != "forms" {
		t.Errorf("it is called %s", got)
	}
	world, tools := skilltest.NewWorld(s.Manifest()), toolbox()
	turn := skilltest.NewTurn(skilltest.TurnOptions{ID: "1", Command: "forms", World: world, Tools: tools})
	var w skilltest.RecordingWriter
	if err := s.Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	r := own.requests[0]
	if r.For.Skill != "forms" || !strings.HasPrefix(r.Messages[0].Text, "Fill in forms.") || r.Messages[1].Text != "/forms" {
		t.Errorf("asked %+v for %+v", r.Messages, r.For)
	}
	asked := w.Questions()
	if len(asked) != 1 {
		t.Fatalf("asked %d times: %s", len(asked), w.Text())
	}
	yes := asked[0].Parts[1].(core.Buttons).Rows[0][0].Data
	if !strings.HasPrefix(yes, "forms:yes:") {
		t.Errorf("the button carries %s", yes)
	}
	next := skilltest.NewTurn(skilltest.TurnOptions{
		ID: "2", Parts: []core.Part{core.Action{Data: yes}}, World: world, Tools: tools, Session: turn.Session,
		Asked: &skills.Asked{Turn: "1", State: asked[0].State},
	})
	next.Envelope.Kind = core.KindAction
	w = skilltest.RecordingWriter{}
	if err := s.Handle(t.Context(), next, &w); err != nil {
		t.Fatal(err)
	}
	if w.Text() != "Done." || strings.Join(tools.names(), "") != "wipe" {
		t.Errorf("%q, called %q", w.Text(), tools.names())
	}
	// What a route names comes first.
	turn = skilltest.NewTurn(skilltest.TurnOptions{ID: "3", Text: "hi", World: world})
	turn.Model = "default"
	w = skilltest.RecordingWriter{}
	if err := s.Handle(t.Context(), turn, &w); err != nil || w.Text() != "The other." {
		t.Errorf("%q %v", w.Text(), err)
	}
}
