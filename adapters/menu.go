package adapters

import (
	"context"
	"strings"
	"unicode"
)

// Menu can show commands in the platform's own menu.
type Menu interface {
	// SetCommands replaces the menu. Setting the same again is harmless.
	SetCommands(ctx context.Context, commands []MenuCommand) error
}

// MenuCommand is one line of a menu; Help is by language, "en" always there.
type MenuCommand struct {
	Name string
	Help map[string]string
	// Arguments are what a form of the platform asks for, the required ones first; empty
	// for a command that takes any text, or none. Where there is no form, people write
	// them behind the command. A filled form comes back as the command's words, spelled by
	// Spell.
	Arguments []MenuArgument
}

// MenuArgument is one field of a form.
type MenuArgument struct {
	// Name is 1 to 32 of a-z, 0-9, underscore and hyphen.
	Name string
	Kind ArgumentKind
	// About says in a line what it is; empty for nothing.
	About    string
	Required bool
	// Choices are all that a text may be; empty for anything.
	Choices []string
	// Minimum and Maximum bound a number; nil for no bound.
	Minimum, Maximum *float64
	// MinLength and MaxLength bound a text, in characters; nil for no bound.
	MinLength, MaxLength *int
}

// ArgumentKind is what an argument is.
type ArgumentKind string

// The kinds of arguments.
const (
	TextArgument    ArgumentKind = "string"
	WholeArgument   ArgumentKind = "integer"
	NumberArgument  ArgumentKind = "number"
	BooleanArgument ArgumentKind = "boolean"
)

// Spell writes an argument of a form as people would behind the command: name=value, in
// quotes where it is not one plain word.
func Spell(name, value string) string {
	plain := value != "" && !strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\"'\\“”„«»‘’‚", r)
	})
	if plain {
		return name + "=" + value
	}
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
