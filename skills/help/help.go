// Package help is the skill that lists what somebody may use. It reads the
// manifests, needs no model, and shows nobody a command that would refuse them.
package help

import (
	"context"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "help"

// List gives what somebody of this role may use in this place, in the order it
// is shown; Set.For is one. It is asked each time, so it may be filled in after
// New: the list of skills holds this one.
type List func(role skills.Role, place core.Place) []skills.Manifest

// Skill lists commands. It is safe for concurrent use.
type Skill struct{ list List }

// New makes the skill.
func New(list List) *Skill { return &Skill{list: list} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "help", Help: about}}}
}

// Handle lists the commands.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	lines := []string{heading.In(language)}
	for _, m := range s.list(t.Role, t.Envelope.In.Place) {
		for _, c := range m.Commands {
			lines = append(lines, Line(c, language))
		}
	}
	if t.Envelope.In.Place == core.Private {
		lines = append(lines, "", justWrite.In(language))
	}
	w.Reply(core.Text{Text: strings.Join(lines, "\n")})
	return nil
}

// Line shows one command with its arguments and its help, in the language.
func Line(c skills.Command, language string) string {
	line := "/" + c.Name
	if usage := c.Usage(language); usage != "" {
		line += " " + usage
	}
	return line + " – " + c.HelpIn(language)
}
