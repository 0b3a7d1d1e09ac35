// Package reach is the skill with which people say on which of their accounts they
// want to be reached when they did not ask. It needs no model.
package reach

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "reach"

// maxButtons is how many accounts get a button; all have their number.
const maxButtons = 7

// Wishes keeps where people want to be reached.
type Wishes interface {
	// Accounts gives the accounts of the person who speaks, at least the one they
	// speak from, always in the same order.
	Accounts(ctx context.Context, t *skills.Turn) ([]session.Identity, error)
	Reach(ctx context.Context, t *skills.Turn) (session.Reach, error)
	SetReach(ctx context.Context, t *skills.Turn, r session.Reach) error
}

// Skill keeps the wish. It is safe for concurrent use.
type Skill struct{ wishes Wishes }

// New makes the skill.
func New(w Wishes) *Skill { return &Skill{wishes: w} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Places: []core.Place{core.Private},
		Commands: []skills.Command{{Name: "reach_me_on", Args: "[number|last|all]", Help: about}},
	}
}

// Handle keeps what was named, or asks.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	all, err := s.wishes.Accounts(ctx, t)
	if err != nil {
		return err
	}
	word := strings.ToLower(strings.TrimSpace(t.Args))
	if word == "" {
		return s.ask(ctx, t, w, all)
	}
	wish, ok := read(t, word, all)
	if !ok {
		w.Reply(core.Text{Text: unknown.In(language)})
		return s.ask(ctx, t, w, all)
	}
	if err := s.wishes.SetReach(ctx, t, wish); err != nil {
		return err
	}
	w.Reply(core.Text{Text: kept.In(language) + " " + words(wish, all, language)})
	return nil
}

// read understands a number, an account's base from a button, or a word.
func read(t *skills.Turn, word string, all []session.Identity) (session.Reach, bool) {
	switch {
	case slices.Contains([]string{"last", "zuletzt"}, word):
		return session.Reach{Mode: session.ReachLast}, true
	case slices.Contains([]string{"all", "alle"}, word):
		return session.Reach{Mode: session.ReachAll}, true
	case slices.Contains([]string{"this", "here", "hier", "dieses"}, word):
		return session.Reach{Mode: session.ReachOne, Base: t.Envelope.From.Person()}, true
	}
	number, err := strconv.Atoi(strings.TrimSuffix(word, "."))
	for i, a := range all {
		if err == nil && number == i+1 || word == string(a.Base()) || word == strings.ToLower(string(a.Home.Account)) {
			return session.Reach{Mode: session.ReachOne, Base: a.Base()}, true
		}
	}
	return session.Reach{}, false
}

// words say where somebody is reached.
func words(r session.Reach, all []session.Identity, language string) string {
	switch r.Mode {
	case session.ReachAll:
		return onAll.In(language)
	case session.ReachOne:
		for _, a := range all {
			if a.Base() == r.Base {
				return fmt.Sprintf(onOne.In(language), a.Label())
			}
		}
	}
	return onLast.In(language)
}

func (s *Skill) ask(ctx context.Context, t *skills.Turn, w skills.Writer, all []session.Identity) error {
	language := t.Envelope.From.Language
	now, err := s.wishes.Reach(ctx, t)
	if err != nil {
		return err
	}
	lines := []string{words(now, all, language), "", which.In(language)}
	rows := [][]core.Button{}
	for i, a := range all {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, a.Label()))
		if i < maxButtons {
			rows = append(rows, []core.Button{{Label: a.Label(), Data: Name + ":" + string(a.Base())}})
		}
	}
	rows = append(rows, []core.Button{{Label: last.In(language), Data: Name + ":last"}})
	if len(all) > 1 {
		rows = append(rows, []core.Button{{Label: every.In(language), Data: Name + ":all"}})
	}
	w.Reply(core.Text{Text: strings.Join(append(lines, "", how.In(language)), "\n")}, core.Buttons{Rows: rows})
	return nil
}
