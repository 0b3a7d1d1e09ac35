package router

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Meaning is how close a message comes to the examples of skills. The zero Meaning is that
// of a message which nobody weighed.
type Meaning struct {
	// Scores are by the name of the skill, 1 for the very words of an example; nil where
	// they could not be had.
	Scores map[string]float64
	// Why says why there are no scores.
	Why string
	// Least is what a score must reach, and Ahead how far it must be before the second.
	Least, Ahead float64
}

// Intents weighs messages.
type Intents interface {
	// Weigh says how close a message comes to the examples of skills. It takes a bounded
	// time, and gives a Meaning without scores where they cannot be had: nobody goes without
	// an answer for it.
	Weigh(ctx context.Context, e core.Envelope, person core.PersonID, role skills.Role) Meaning
}

// intent sends a message to the skill whose examples it comes closest to.
func (t *Table) intent(e core.Envelope, m Meaning, r Route) (Route, Step) {
	r.Rule = "(intent)"
	switch {
	case !said(e):
		return r, Step{Because: noWords}
	case !t.addressed(e):
		return r, Step{Because: "the bot is not meant"}
	case strings.TrimSpace(e.Text()) == "":
		return r, Step{Because: "there are no words to weigh"}
	}
	var near []Trigger
	for _, g := range t.o.Triggers {
		if g.Intents && g.Allows(r.Role, e.In) {
			near = append(near, g)
		}
	}
	switch {
	case len(near) == 0:
		return r, Step{Because: "no skill here says by examples what it is for"}
	case m.Scores == nil:
		r.Unweighed = true
		return r, Step{Because: cmp.Or(m.Why, "the message was not weighed")}
	}
	slices.SortStableFunc(near, func(x, y Trigger) int { return cmp.Compare(m.Scores[y.Skill], m.Scores[x.Skill]) })
	best := m.Scores[near[0].Skill]
	because := fmt.Sprintf("%s %.2f", near[0].Skill, best)
	ahead := true
	if len(near) > 1 {
		second := m.Scores[near[1].Skill]
		ahead = best-second >= m.Ahead
		because += fmt.Sprintf(", then %s %.2f", near[1].Skill, second)
	}
	switch {
	case best < m.Least:
		return r, Step{Because: fmt.Sprintf("%s: the least is %.2f", because, m.Least)}
	case !ahead:
		return r, Step{Because: fmt.Sprintf("%s: they are less than %.2f apart", because, m.Ahead)}
	}
	r.Skill, r.Score = near[0].Skill, best
	return r, Step{Matched: true, Because: because + ": it comes close to the examples of the skill " + r.Skill}
}
