package skills

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
)

// Manifest says what a skill is, what calls it, who may use it, and what it may reach. It
// is plain data: the same for a skill inside the hub and for one outside.
type Manifest struct {
	// Name is unique; lower case letters, digits and hyphens.
	Name string
	// Version is the skill's own, such as 1.4.0; empty for a skill that is part of the hub.
	Version string
	// Description says in a line or a few what it is for, by language ("en" is required
	// where there is one); at most MaxDescription characters.
	Description map[string]string
	// Commands call the skill; the first is its main one. Empty for a skill that is
	// only routed to.
	Commands []Command
	// Tools are for models only, beside the commands that have Tool set.
	Tools []Tool
	// Triggers are the messages without a command that call it.
	Triggers Triggers
	// Roles that may use it; empty for everybody.
	Roles []Role
	// Places it works in; empty for all.
	Places []core.Place
	// Timeout bounds one turn; 0 means the hub's default.
	Timeout time.Duration
	// NeedsModel is true when it cannot answer without a model worker.
	NeedsModel bool
	// Permissions are what it reaches beyond the conversation.
	Permissions Permissions
}

// Command is one slash command, and one tool of the model where it is offered as one.
type Command struct {
	// Name without the slash: 1 to 32 of a-z, 0-9 and underscore, the form every
	// platform's menu takes.
	Name string
	// Help says in a line what it does, by language ("en" is required); at most 100
	// characters, the shortest limit of the platforms' menus.
	Help map[string]string
	// Args shows the arguments, as in "[topic]"; empty for none, or for those of Input.
	Args string
	// Input is the JSON Schema of the arguments, as ParseSchema takes it: for what stands
	// behind the command, for the platforms' own forms, and for the model. Empty for a
	// command that reads Turn.Args itself.
	Input json.RawMessage
	// Tool is true when the model may call it.
	Tool bool
	// Dangerous is true when a person must confirm before the model's call is made.
	Dangerous bool

	// schema is Input, in the manifests that a Set gives.
	schema *Schema
}

// Triggers are what calls a skill without a command. Configured routes come first. Where
// several skills would be called, keywords and patterns come before Every, and the skill
// that stands first in the set before the others.
type Triggers struct {
	// Keywords are words or phrases, one of which stands in the message, whatever its case.
	Keywords []string
	// Pattern is a regular expression (RE2) that matches somewhere in the message; empty
	// for none.
	Pattern string
	// Every are the places in which every message without a command is the skill's, those
	// that were not meant for the bot too.
	Every []core.Place
}

// None tells whether nothing but commands, buttons and routes calls the skill.
func (t Triggers) None() bool {
	return len(t.Keywords) == 0 && t.Pattern == "" && len(t.Every) == 0
}

// Expression is Pattern; nil for none. The manifest must be that of a skill in a Set.
func (t Triggers) Expression() *regexp.Regexp {
	if t.Pattern == "" {
		return nil
	}
	return regexp.MustCompile(t.Pattern)
}

// HelpIn gives the help line in the language, else in English.
func (c Command) HelpIn(language string) string {
	return Phrase(c.Help).In(language)
}

// Usage shows the arguments: Args, or else those of Input; empty for none.
func (c Command) Usage(language string) string {
	if c.Args != "" || len(c.Input) == 0 {
		return c.Args
	}
	schema := c.Schema()
	if schema == nil {
		return ""
	}
	return schema.Usage(language)
}

// Schema is Input, read; nil for none, or for one that is wrong.
func (c Command) Schema() *Schema {
	if c.schema != nil || len(c.Input) == 0 {
		return c.schema
	}
	schema, err := ParseSchema(c.Input)
	if err != nil {
		return nil
	}
	return schema
}

// Allows tells whether somebody of this role may use the skill in this place.
func (m Manifest) Allows(role Role, place core.Place) bool {
	return (len(m.Roles) == 0 || slices.Contains(m.Roles, role)) && (len(m.Places) == 0 || slices.Contains(m.Places, place))
}

// On tells whether the skill may be used through an account of the bot.
func (m Manifest) On(account core.Account) bool {
	return len(m.Permissions.Channels) == 0 || slices.Contains(m.Permissions.Channels, account)
}
