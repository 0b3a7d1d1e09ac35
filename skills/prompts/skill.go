package prompts

import (
	"context"

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

// Handle implements skills.Skill.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	return s.talk.Handle(ctx, t, w)
}
