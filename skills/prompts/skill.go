package prompts

import (
	"context"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Skill is one version of a folder's skill. It is safe for concurrent use.
type Skill struct {
	prompt  Prompt
	sum     string
	files   map[string]string
	scripts bool
	talk    skills.Handler
}

var _ skills.Skill = (*Skill)(nil)

// Manifest implements skills.Skill.
func (s *Skill) Manifest() skills.Manifest { return s.prompt.Manifest }

// Prompt is what its SKILL.md says.
func (s *Skill) Prompt() Prompt { return s.prompt }

// Sum is the checksum of all its files, in hex: the SHA-256 of the list that sha256sum
// prints of them, in the order of their names.
func (s *Skill) Sum() string { return s.sum }

// Files are those that the model may read, in order.
func (s *Skill) Files() []string { return names(s.files) }

// Scripts tells whether there are scripts, which are never run.
func (s *Skill) Scripts() bool { return s.scripts }

func (s *Skill) name() string { return s.prompt.Manifest.Name }

// Handle implements skills.Skill. A model that calls the skill is given its instructions, or
// a file that belongs to them: it follows them itself.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if t.Called == nil {
		if len(s.files) > 0 {
			own := *t
			own.Tools = reading{s, t.Tools}
			t = &own
		}
		return s.talk.Handle(ctx, t, w)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := s.read(t.Input)
	if err != nil {
		return err
	}
	w.Reply(core.Text{Text: text})
	return nil
}
