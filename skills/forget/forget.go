// Package forget is the skill with which people have everything erased that the hub
// keeps of them. It asks first. It needs no model.
package forget

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "forget"

// Keeper has what is kept of people.
type Keeper interface {
	// Accounts gives the accounts of the person who speaks, at least the one they
	// speak from.
	Accounts(ctx context.Context, t *skills.Turn) ([]session.Identity, error)
	// Forget erases what is kept of that person on all accounts, outside of the turn's
	// own session; with links, their links too. The turn's rerun erases nothing more
	// and gets the same answer.
	Forget(ctx context.Context, t *skills.Turn, links bool) (session.Forgetting, error)
}

// Skill forgets people. It is safe for concurrent use.
type Skill struct{ keeper Keeper }

// New makes the skill.
func New(k Keeper) *Skill { return &Skill{keeper: k} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Places: []core.Place{core.Private}, Commands: []skills.Command{{Name: "forget", Help: about}},
	}
}

// The words that mean yes, yes with the links, and no. Buttons carry the first.
var (
	yes    = []string{"yes", "ja"}
	unlink = []string{"everything", "alles"}
	no     = []string{"no", "nein"}
)

// Handle asks, and erases once it was told to.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	word := strings.ToLower(strings.Trim(strings.TrimSpace(t.Args), ".!"))
	switch {
	case slices.Contains(no, word):
		w.Reply(core.Text{Text: nothing.In(t.Envelope.From.Language)})
		return nil
	case slices.Contains(yes, word):
		return s.forget(ctx, t, w, false)
	case slices.Contains(unlink, word):
		return s.forget(ctx, t, w, true)
	default:
		return s.ask(ctx, t, w)
	}
}

func (s *Skill) forget(ctx context.Context, t *skills.Turn, w skills.Writer, links bool) error {
	language := t.Envelope.From.Language
	f, err := s.keeper.Forget(ctx, t, links)
	if err != nil {
		return err
	}
	t.Session.Forget()
	lines := []string{fmt.Sprintf(erased.In(language), f.Messages, f.Accounts), memory.In(language)}
	if f.Letters > 0 {
		lines = append(lines, fmt.Sprintf(letters.In(language), f.Letters))
	}
	switch {
	case f.Accounts < 2:
	case links:
		lines = append(lines, unlinked.In(language))
	default:
		lines = append(lines, stillLinked.In(language))
	}
	w.Reply(core.Text{Text: strings.Join(append(lines, "", stays.In(language)), "\n")})
	return nil
}

func (s *Skill) ask(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	language := t.Envelope.From.Language
	all, err := s.keeper.Accounts(ctx, t)
	if err != nil {
		return err
	}
	lines := []string{explain.In(language)}
	for _, a := range all {
		lines = append(lines, "- "+a.Label())
	}
	lines = append(lines, "", stays.In(language), "", sure.In(language))
	rows := [][]core.Button{{{Label: buttonYes.In(language), Data: Name + ":" + yes[0]}}}
	if len(all) > 1 {
		lines = append(lines, sureLinked.In(language))
		rows = append(rows, []core.Button{{Label: buttonUnlink.In(language), Data: Name + ":" + unlink[0]}})
	}
	rows = append(rows, []core.Button{{Label: buttonNo.In(language), Data: Name + ":" + no[0]}})
	w.Reply(core.Text{Text: strings.Join(lines, "\n")}, core.Buttons{Rows: rows})
	return nil
}
