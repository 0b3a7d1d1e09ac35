package whoami_test

import (
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
	"github.com/parley-hub/parley/skills/whoami"
)

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return whoami.New() }})
}

func TestWhoami(t *testing.T) {
	person := core.PersonOf("realm", "id-Anna")
	short := string(person[:9]) + "…"
	for name, c := range map[string]struct {
		turn   skilltest.TurnOptions
		handle string
		want   string
	}{
		"user": {
			skilltest.TurnOptions{}, "",
			"Name: Anna\nUser id: realm:id-Anna\nReached through: account\nRole: user\nPlace: private chat\nPerson: " + short + "\nLanguage: unknown",
		},
		"admin in German": {
			skilltest.TurnOptions{Role: skills.Admin, Language: "de-AT"}, "@anna",
			"Name: Anna (@anna)\nNutzer-ID: realm:id-Anna\nErreicht über: account\nRolle: Admin\nOrt: privater Chat\nPerson: " + short + "\nSprache: de-AT",
		},
		"no user id in a group": {
			skilltest.TurnOptions{Place: core.Group}, "anna",
			"Name: Anna (@anna)\nReached through: account\nRole: user\nPlace: group\nPerson: " + short + "\nLanguage: unknown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			turn := skilltest.NewTurn(c.turn)
			turn.Envelope.From.Handle = c.handle
			var w skilltest.RecordingWriter
			if err := whoami.New().Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
		})
	}
}

func TestShortPersonIDIsShownWhole(t *testing.T) {
	turn := skilltest.NewTurn(skilltest.TurnOptions{})
	turn.Person, turn.Envelope.From.Name = "p1", ""
	var w skilltest.RecordingWriter
	if err := whoami.New().Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	want := "Name: unknown\nUser id: realm:id-Anna\nReached through: account\nRole: user\nPlace: private chat\nPerson: p1\nLanguage: unknown"
	if got := w.Text(); got != want {
		t.Errorf("reply %q, want %q", got, want)
	}
}
