package skills_test

import (
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestAccess(t *testing.T) {
	admins := skills.Manifest{Name: "vault", Roles: []skills.Role{skills.Admin}}
	private := skills.Manifest{Name: "vault", Places: []core.Place{core.Private}}
	groups := skills.Manifest{Name: "vault", Places: []core.Place{core.Group}}
	both := skills.Manifest{Name: "vault", Roles: []skills.Role{skills.Admin}, Places: []core.Place{core.Private}}
	const ran, silence = "ran", ""
	for name, c := range map[string]struct {
		manifest skills.Manifest
		turn     skilltest.TurnOptions
		want     string
	}{
		"everybody":               {skills.Manifest{}, skilltest.TurnOptions{Place: core.Group, Overheard: true}, ran},
		"admin":                   {admins, skilltest.TurnOptions{Role: skills.Admin}, ran},
		"user":                    {admins, skilltest.TurnOptions{}, "This is not available to you."},
		"user in German":          {admins, skilltest.TurnOptions{Language: "de-CH"}, "Das steht dir nicht zur Verfügung."},
		"user in a group":         {admins, skilltest.TurnOptions{Place: core.Group}, "This is not available to you."},
		"user among others":       {admins, skilltest.TurnOptions{Place: core.Group, Overheard: true}, silence},
		"private only":            {private, skilltest.TurnOptions{Place: core.Group}, "This works only in a private chat with me."},
		"private only, overheard": {private, skilltest.TurnOptions{Place: core.Group, Overheard: true}, silence},
		"groups only":             {groups, skilltest.TurnOptions{}, "This works only in groups."},
		"wrong role and place":    {both, skilltest.TurnOptions{Place: core.Group}, "This is not available to you."},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			h := skills.Access(c.manifest)(handler(func() error { w.Reply(core.Text{Text: ran}); return nil }))
			if err := h.Handle(t.Context(), skilltest.NewTurn(c.turn), &w); err != nil {
				t.Fatal(err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
		})
	}
}
