// Package newchat is the skill that begins a conversation anew: the history is
// forgotten, pinned facts and the chosen model stay. It needs no model.
package newchat

import (
	"context"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "new"

// Skill forgets the history. It is safe for concurrent use.
type Skill struct{}

// New makes the skill.
func New() Skill { return Skill{} }

// Manifest introduces the skill.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "new", Help: about}}}
}

// Handle clears the session. A text behind the command is not answered, and the
// reply says so.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.Session.Clear()
	done := cleared
	if strings.TrimSpace(t.Args) != "" {
		done = clearedWithText
	}
	w.Reply(core.Text{Text: done.In(t.Envelope.From.Language)})
	return nil
}
