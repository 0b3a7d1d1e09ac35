package router

import (
	"slices"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// question gives the question of a skill that an envelope may answer: one that waits for
// its sender there, when it was sent. Why is for people, where there is none.
func (t *Table) question(e core.Envelope, s *session.Session) (a session.Asked, ok bool, why string) {
	a, ok = s.Asked(e.In, e.From)
	switch {
	case !ok:
		return a, false, "no question waits for this person here"
	case !a.Waits(e.SentAt):
		return a, false, "the time for the answer to " + a.Skill + " was over"
	case !slices.Contains(t.o.Skills, a.Skill):
		return a, false, "the skill " + a.Skill + ", which asked, is no longer there"
	}
	return a, true, ""
}

// asked sends a person's next message to the skill that asked them something.
func (t *Table) asked(e core.Envelope, s *session.Session, r Route) (Route, Step) {
	r.Rule = "(asked)"
	a, ok, why := t.question(e, s)
	if !ok {
		return r, Step{Because: why}
	}
	command, isCommand := e.Command()
	switch {
	case isCommand && command.Name == skills.Cancel:
		r.Cancelled = true
		return r, Step{Matched: true, Because: "/" + skills.Cancel + " ends the question of the skill " + a.Skill}
	case isCommand:
		return r, Step{Because: "a command does not answer the question of the skill " + a.Skill}
	case e.Kind != core.KindMessage:
		return r, Step{Because: "the question of the skill " + a.Skill + " waits for a message"}
	}
	r.Skill, r.Asked = a.Skill, &a
	return r, Step{Matched: true, Because: "the skill " + a.Skill + " asked this person and waits for the answer"}
}

var cancelled = skills.Phrase{
	"en": "All right. I no longer wait for your answer.",
	"de": "In Ordnung. Ich warte nicht mehr auf deine Antwort.",
}
