// Package start is the greeting: the first thing somebody gets who opens a chat
// with the bot. It needs no model. What a deep link carries behind the command is
// for others to answer (Options.Invited).
package start

import (
	"context"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "start"

// shown is how many commands a greeting names; help lists them all.
const shown = 4

// List gives what somebody of this role may use in this place; Set.For is one. It
// is asked each time, so it may be filled in after New.
type List func(role skills.Role, place core.Place) []skills.Manifest

// Options configure the skill.
type Options struct {
	// List is required.
	List List
	// Invited answers what a deep link carries behind the command; false for what it does
	// not know. May be nil.
	Invited func(ctx context.Context, t *skills.Turn, w skills.Writer) (bool, error)
}

// Skill greets. It is safe for concurrent use.
type Skill struct{ options Options }

// New makes the skill.
func New(o Options) *Skill { return &Skill{options: o} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "start", Help: about}}}
}

// Handle greets and names a few commands.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.options.Invited != nil && t.Args != "" {
		if done, err := s.options.Invited(ctx, t, w); done || err != nil {
			return err
		}
	}
	language := t.Envelope.From.Language
	lines := []string{hello.In(language), what.In(language)}
	if commands := s.commands(t); len(commands) > 0 {
		lines = append(lines, "", few.In(language))
		for _, c := range commands {
			lines = append(lines, "/"+c.Name+" – "+c.HelpIn(language))
		}
	}
	w.Reply(core.Text{Text: strings.Join(lines, "\n")})
	return nil
}

// commands are the first few that the person may use, this one left out.
func (s *Skill) commands(t *skills.Turn) []skills.Command {
	var first []skills.Command
	for _, m := range s.options.List(t.Role, t.Envelope.In.Place) {
		if m.Name == Name || len(m.Commands) == 0 {
			continue
		}
		if first = append(first, m.Commands[0]); len(first) == shown {
			break
		}
	}
	return first
}
