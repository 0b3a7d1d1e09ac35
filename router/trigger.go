package router

import (
	"regexp"
	"slices"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Trigger is the messages without a command that call a skill.
type Trigger struct {
	Skill    string
	Keywords []string
	// Pattern is nil for none.
	Pattern *regexp.Regexp
	// Every are the places where every message does, meant for the bot or not.
	Every []core.Place
	// Allows tells who may use the skill where; nobody else is sent to it.
	Allows func(role skills.Role, in core.Conversation) bool
}

// triggered sends a message to the first skill that one of its words calls, else to the
// first one whose every message it is.
func (t *Table) triggered(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(trigger)"
	if _, isCommand := e.Command(); isCommand || e.Kind != core.KindMessage {
		return r, Step{Because: "a command or a button calls its own skill"}
	}
	meant := t.addressed(e)
	text := e.Text()
	for _, g := range t.o.Triggers {
		if why := g.calledBy(text); meant && why != "" && g.Allows(r.Role, e.In) {
			r.Skill = g.Skill
			return r, Step{Matched: true, Because: why + " of the skill " + g.Skill}
		}
	}
	for _, g := range t.o.Triggers {
		if slices.Contains(g.Every, e.In.Place) && g.Allows(r.Role, e.In) {
			r.Skill = g.Skill
			return r, Step{Matched: true, Because: "every message here is for the skill " + g.Skill}
		}
	}
	return r, Step{Because: "no skill is called by it"}
}

func (g Trigger) calledBy(text string) string {
	switch {
	case slices.ContainsFunc(g.Keywords, func(k string) bool { return hasWord(text, k) }):
		return "a keyword"
	case g.Pattern != nil && g.Pattern.MatchString(text):
		return "the pattern"
	}
	return ""
}
