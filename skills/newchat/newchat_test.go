package newchat_test

import (
	"testing"

	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/newchat"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return newchat.New() }})
}

func TestNewForgetsTheHistoryOnly(t *testing.T) {
	for name, c := range map[string]struct {
		turn skilltest.TurnOptions
		want string
	}{
		"alone": {skilltest.TurnOptions{Command: "new"}, "Done: I have forgotten what we said. What is next?"},
		"with text": {
			skilltest.TurnOptions{Command: "new", Args: "what is a fjord?"},
			"Done: I have forgotten what we said. Now send your message once more, without the command.",
		},
		"in German": {
			skilltest.TurnOptions{Command: "new", Language: "de"},
			"Erledigt: Ich habe vergessen, was wir gesagt haben. Womit geht es weiter?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.turn.Session = skilltest.NewSession(session.Turn{ID: "a", Answer: "1"}, session.Turn{ID: "b", Answer: "2"})
			turn := skilltest.NewTurn(c.turn)
			turn.Session.Pin("fact")
			turn.Session.SetModel("big", "admin")
			var w skilltest.RecordingWriter
			if err := newchat.New().Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
			history, err := turn.Session.History()
			if err != nil {
				t.Fatal(err)
			}
			if trim := turn.Session.Changes().Trim; len(history) > 0 || trim != 2 {
				t.Errorf("history %v, %d turns dropped", history, trim)
			}
			if len(turn.Session.Pinned()) != 1 || turn.Session.Model() != "big" {
				t.Error("pinned facts or the model choice were forgotten")
			}
		})
	}
}
