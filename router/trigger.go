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
	// Intents tells that the skill has examples of what messages for it are about.
	Intents bool
	// Every are the places where every message does, meant for the bot or not.
	Every []core.Place
	// Allows tells who may use the skill where; nobody else is sent to it.
	Allows func(role skills.Role, in core.Conversation) bool
}

// triggered sends a message to the first skill that one of its words calls.
func (t *Table) triggered(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(trigger)"
	if !said(e) {
		return r, Step{Because: noWords}
	}
	meant := t.addressed(e)
	text := e.Text()
	for _, g := range t.o.Triggers {
		if why := g.calledBy(text); meant && why != "" && g.Allows(r.Role, e.In) {
			r.Skill = g.Skill
			return r, Step{Matched: true, Because: why + " of the skill " + g.Skill}
		}
	}
	return r, Step{Because: "no skill is called by its words"}
}

// every sends a message to the first skill whose every message it is.
func (t *Table) every(e core.Envelope, r Route) (Route, Step) {
	r.Rule = "(every)"
	if !said(e) {
		return r, Step{Because: noWords}
	}
	for _, g := range t.o.Triggers {
		if slices.Contains(g.Every, e.In.Place) && g.Allows(r.Role, e.In) {
			r.Skill = g.Skill
			return r, Step{Matched: true, Because: "every message here is for the skill " + g.Skill}
		}
	}
	return r, Step{Because: "no skill is for every message here"}
}

const noWords = "a command or a button calls its own skill"

// said tells whether somebody said something without calling a skill by its name.
func said(e core.Envelope) bool {
	_, isCommand := e.Command()
	return !isCommand && e.Kind == core.KindMessage
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
