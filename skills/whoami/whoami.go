// Package whoami is the skill that tells people what the hub knows about them:
// the way to find out one's own id for the configuration. It needs no model.
package whoami

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "whoami"

// shortID is how many characters of a person's id are shown: enough to find it in
// a log, too few to be taken for a key.
const shortID = 9

// Skill tells people about themselves. It is safe for concurrent use.
type Skill struct{}

// New makes the skill.
func New() Skill { return Skill{} }

// Manifest introduces the skill.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "whoami", Help: about}}}
}

// Handle answers with what the turn says about its sender.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	from := t.Envelope.From
	language := from.Language
	or := func(value string) string {
		if value == "" {
			return unknown.In(language)
		}
		return value
	}
	name := from.Name
	if from.Handle != "" {
		name = strings.TrimSpace(name + " (@" + strings.TrimPrefix(from.Handle, "@") + ")")
	}
	var lines []string
	say := func(label skills.Phrase, value string) {
		lines = append(lines, fmt.Sprintf("%s: %s", label.In(language), value))
	}
	say(labelName, or(name))
	if t.Envelope.In.Place == core.Private { // on some platforms it is a phone number
		// As the configuration names people.
		say(labelUser, string(from.Realm)+":"+or(string(from.ID)))
	}
	say(labelAccount, string(t.Envelope.In.Account))
	say(labelRole, roles[t.Role].In(language))
	say(labelPlace, places[t.Envelope.In.Place].In(language))
	say(labelPerson, short(t.Person))
	say(labelLanguage, or(language))
	w.Reply(core.Text{Text: strings.Join(lines, "\n")})
	return nil
}

func short(id core.PersonID) string {
	if len(id) <= shortID {
		return string(id)
	}
	return string(id[:shortID]) + "…"
}
