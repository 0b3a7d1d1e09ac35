// Package accounts is the skill that shows people which of their accounts are one
// person for the bot. It needs no model.
package accounts

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "accounts"

// Accounts tells who somebody is.
type Accounts interface {
	// Accounts gives the accounts of the person who speaks, at least the one they
	// speak from, always in the same order.
	Accounts(ctx context.Context, t *skills.Turn) ([]session.Identity, error)
	Reach(ctx context.Context, t *skills.Turn) (session.Reach, error)
}

// Skill lists accounts. It is safe for concurrent use.
type Skill struct{ accounts Accounts }

// New makes the skill.
func New(a Accounts) *Skill { return &Skill{accounts: a} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Places: []core.Place{core.Private}, Commands: []skills.Command{{Name: "accounts", Help: about}},
	}
}

// Handle lists the accounts of who asks.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	all, err := s.accounts.Accounts(ctx, t)
	if err != nil {
		return err
	}
	r, err := s.accounts.Reach(ctx, t)
	if err != nil {
		return err
	}
	if len(all) < 2 {
		w.Reply(core.Text{Text: alone.In(language)})
		return nil
	}
	lines := []string{yours.In(language)}
	for i, a := range all {
		line := fmt.Sprintf("%d. %s", i+1, a.Label())
		if a.Base() == t.Envelope.From.Person() {
			line += " " + thisOne.In(language)
		}
		if r.Mode == session.ReachOne && r.Base == a.Base() {
			line += " " + preferred.In(language)
		}
		lines = append(lines, line)
	}
	w.Reply(core.Text{Text: strings.Join(append(lines, "", more.In(language)), "\n")})
	return nil
}
