package help_test

import (
	"context"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/help"
	"github.com/parley-hub/parley/skills/skilltest"
)

// hub lists what a hub of three skills and help offers.
func hub(t *testing.T) *help.Skill {
	t.Helper()
	var set *skills.Set
	s := help.New(func(role skills.Role, place core.Place) []skills.Manifest { return set.For(role, place) })
	var err error
	set, err = skills.NewSet(s,
		skill{Name: "talk"},
		skill{Name: "tell", Commands: []skills.Command{
			{Name: "tell", Args: "[who] what", Help: map[string]string{"en": "Tell somebody", "de": "Jemandem etwas sagen"}},
			{Name: "say", Help: map[string]string{"en": "Say it"}},
		}},
		skill{Name: "vault", Roles: []skills.Role{skills.Admin}, Places: []core.Place{core.Private}, Commands: []skills.Command{
			{Name: "vault", Help: map[string]string{"en": "Open the vault"}},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type skill skills.Manifest

func (s skill) Manifest() skills.Manifest { return skills.Manifest(s) }

func (skill) Handle(_ context.Context, _ *skills.Turn, _ skills.Writer) error { return nil }

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(t *testing.T) skills.Skill { return hub(t) }})
}

func TestHelpShowsWhatOneMayUse(t *testing.T) {
	for name, c := range map[string]struct {
		turn skilltest.TurnOptions
		want string
	}{
		"user": {skilltest.TurnOptions{}, "You can use:\n" +
			"/help – Show what you can do here\n/tell [who] what – Tell somebody\n/say – Say it\n\n" +
			"Anything else you write is answered too."},
		"admin in German": {skilltest.TurnOptions{Role: skills.Admin, Language: "de-DE"}, "Das kannst du benutzen:\n" +
			"/help – Zeigen, was hier möglich ist\n/tell [who] what – Jemandem etwas sagen\n/say – Say it\n/vault – Open the vault\n\n" +
			"Auf alles andere, was du schreibst, antworte ich auch."},
		"admin in a group": {skilltest.TurnOptions{Role: skills.Admin, Place: core.Group}, "You can use:\n" +
			"/help – Show what you can do here\n/tell [who] what – Tell somebody\n/say – Say it"},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			if err := hub(t).Handle(t.Context(), skilltest.NewTurn(c.turn), &w); err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
		})
	}
}
