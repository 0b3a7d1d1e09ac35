// Package unlink is the skill that takes one of a person's linked accounts away. It
// needs no model.
package unlink

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
const Name = "unlink"

// maxButtons is how many accounts get a button; all have their number.
const maxButtons = 9

// Links takes links away. What it changes for a turn it changes once, and the turn's
// rerun gets the same answer.
type Links interface {
	// Accounts gives the accounts of the person who speaks, at least the one they
	// speak from, always in the same order.
	Accounts(ctx context.Context, t *skills.Turn) ([]session.Identity, error)
	Unlink(ctx context.Context, t *skills.Turn, c session.Choice) (session.Parting, error)
}

// Skill takes links away. It is safe for concurrent use.
type Skill struct{ links Links }

// New makes the skill.
func New(links Links) *Skill { return &Skill{links: links} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Places: []core.Place{core.Private},
		Commands: []skills.Command{{Name: "unlink", Args: "[number]", Help: about}}, Permissions: skills.Permissions{Elsewhere: true},
	}
}

// Handle takes the named account away, or asks which one.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, named := choice(t)
	if !named {
		return s.ask(ctx, t, w)
	}
	// Nothing is looked up before: in a rerun the list is another one already.
	p, err := s.links.Unlink(ctx, t, c)
	if err != nil {
		return err
	}
	language := t.Envelope.From.Language
	switch p.Outcome {
	case session.Alone:
		w.Reply(core.Text{Text: alone.In(language)})
	case session.Unknown:
		w.Reply(core.Text{Text: unknown.In(language)})
		return s.ask(ctx, t, w)
	default:
		s.tell(t, w, p)
	}
	return nil
}

// choice reads what was named: a number, this account, or what a button carries.
func choice(t *skills.Turn) (c session.Choice, named bool) {
	word := strings.ToLower(strings.TrimSpace(t.Args))
	switch {
	case word == "":
		return c, false
	case t.Envelope.Kind == core.KindAction:
		return session.Choice{Base: core.PersonID(strings.TrimSpace(t.Args))}, true
	case slices.Contains([]string{"this", "dieses", "me", "mich"}, word):
		return session.Choice{Base: t.Envelope.From.Person()}, true
	}
	n, err := strconv.Atoi(strings.TrimSuffix(word, "."))
	if err != nil {
		n = -1 // no account has it
	}
	return session.Choice{Place: n}, true
}

// ask lists the accounts, with a button for each.
func (s *Skill) ask(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	language := t.Envelope.From.Language
	all, err := s.links.Accounts(ctx, t)
	if err != nil {
		return err
	}
	if len(all) < 2 {
		w.Reply(core.Text{Text: alone.In(language)})
		return nil
	}
	lines, rows := []string{which.In(language)}, [][]core.Button{}
	for i, a := range all {
		line := fmt.Sprintf("%d. %s", i+1, a.Label())
		if a.Base() == t.Envelope.From.Person() {
			line += " " + thisOne.In(language)
		}
		lines = append(lines, line)
		if i < maxButtons {
			rows = append(rows, []core.Button{{Label: fmt.Sprintf("%d. %s", i+1, a.Label()), Data: Name + ":" + string(a.Base())}})
		}
	}
	w.Reply(core.Text{Text: strings.Join(append(lines, "", how.In(language)), "\n")}, core.Buttons{Rows: rows})
	return nil
}

// tell says what is now, here and to the account that went.
func (s *Skill) tell(t *skills.Turn, w skills.Writer, p session.Parting) {
	language := t.Envelope.From.Language
	rest := make([]string, len(p.Rest))
	for i, a := range p.Rest {
		rest[i] = a.Label()
	}
	if p.Left.Base() == t.Envelope.From.Person() {
		w.Reply(core.Text{Text: fmt.Sprintf(leftHere.In(language), strings.Join(rest, ", "))})
		return
	}
	w.Reply(core.Text{Text: fmt.Sprintf(leftThere.In(language), p.Left.Label(), strings.Join(rest, ", "))})
	if p.Left.Home.Place == core.Private {
		here := session.Identity{Who: t.Envelope.From, Home: t.Envelope.In}
		w.ReplyIn(p.Left.Home, p.Left.Base(), core.Text{Text: fmt.Sprintf(wasTaken.In(language), here.Label())})
	}
}
