package discord

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/adapters"
)

const (
	// maxCommands and those below are the limits of application commands
	// (https://docs.discord.com/developers/interactions/application-commands).
	maxCommands    = 100
	maxDescription = 100
	maxOptions     = 25
	maxChoices     = 25
	maxOptionText  = 6000
	// menuLanguage is the language for people whose own has no text.
	menuLanguage = "en"
)

var menuShape = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// locales are the languages Discord shows texts in, by the tag of a Help.
var locales = map[string]string{
	"id": "id", "da": "da", "de": "de", "en-GB": "en-GB", "en-US": "en-US", "es": "es-ES", "es-419": "es-419", "fr": "fr",
	"hr": "hr", "it": "it", "lt": "lt", "hu": "hu", "nl": "nl", "no": "no", "pl": "pl", "pt": "pt-BR", "pt-BR": "pt-BR",
	"ro": "ro", "fi": "fi", "sv": "sv-SE", "vi": "vi", "tr": "tr", "cs": "cs", "el": "el", "bg": "bg", "ru": "ru", "uk": "uk",
	"hi": "hi", "th": "th", "zh": "zh-CN", "zh-CN": "zh-CN", "zh-TW": "zh-TW", "ja": "ja", "ko": "ko",
}

// Types of arguments.
const (
	optionString  = 3
	optionInteger = 4
	optionBoolean = 5
	optionNumber  = 10
	optionFile    = 11
)

// applicationCommand is a slash command with its arguments.
type applicationCommand struct {
	Name         string            `json:"name"`
	Type         int               `json:"type"`
	Description  string            `json:"description"`
	Descriptions map[string]string `json:"description_localizations,omitempty"`
	Options      []commandOption   `json:"options"`
}

type commandOption struct {
	Type        int      `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Required    bool     `json:"required,omitempty"`
	Choices     []choice `json:"choices,omitempty"`
	MinValue    *float64 `json:"min_value,omitempty"`
	MaxValue    *float64 `json:"max_value,omitempty"`
	MinLength   *int     `json:"min_length,omitempty"`
	MaxLength   *int     `json:"max_length,omitempty"`
}

type choice struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SetCommands implements adapters.Menu: the application's global commands become
// these, each with its arguments or with one text, and one for people who just want to
// say something, or send a file, where the bot does not read along. A command whose name Discord
// cannot show is left out; it still works when written.
func (a *Adapter) SetCommands(ctx context.Context, commands []adapters.MenuCommand) error {
	application, err := a.application(ctx)
	if err != nil {
		return err
	}
	return a.api.call(ctx, request{
		op: "set commands", method: http.MethodPut, url: discordgo.EndpointApplicationGlobalCommands(application), body: menu(commands),
	}, nil)
}

func menu(commands []adapters.MenuCommand) []applicationCommand {
	talk := made(talkCommand, map[string]string{menuLanguage: "Say something to the bot"})
	talk.Options = append(talk.Options, commandOption{Type: optionFile, Name: "file", Description: "A file to send with it"})
	list := []applicationCommand{talk}
	for _, c := range commands {
		known := slices.ContainsFunc(list, func(o applicationCommand) bool { return o.Name == c.Name })
		if menuShape.MatchString(c.Name) && !known && len(list) < maxCommands {
			list = append(list, made(c.Name, c.Help, c.Arguments...))
		}
	}
	return list
}

func made(name string, help map[string]string, arguments ...adapters.MenuArgument) applicationCommand {
	c := applicationCommand{Name: name, Type: 1, Description: describe(help[menuLanguage], name)}
	for tag, text := range help {
		if locale := locales[tag]; locale != "" && text != "" {
			if c.Descriptions == nil {
				c.Descriptions = map[string]string{}
			}
			c.Descriptions[locale] = describe(text, name)
		}
	}
	for _, a := range arguments[:min(len(arguments), maxOptions)] {
		c.Options = append(c.Options, typed(a))
	}
	if len(arguments) == 0 {
		c.Options = []commandOption{{Type: optionString, Name: freeText, Description: "What to say"}}
	}
	return c
}

// typed is an argument as Discord asks for it.
func typed(a adapters.MenuArgument) commandOption {
	kinds := map[adapters.ArgumentKind]int{
		adapters.WholeArgument: optionInteger, adapters.NumberArgument: optionNumber, adapters.BooleanArgument: optionBoolean,
	}
	o := commandOption{
		Type: optionString, Name: optionName(a.Name), Description: describe(a.About, a.Name), Required: a.Required,
		MinLength: a.MinLength, MaxLength: a.MaxLength,
	}
	if t, ok := kinds[a.Kind]; ok {
		o.Type, o.MinValue, o.MaxValue = t, a.Minimum, a.Maximum
	}
	if o.MaxLength != nil && *o.MaxLength > maxOptionText {
		o.MaxLength = nil
	}
	for _, c := range a.Choices[:min(len(a.Choices), maxChoices)] {
		o.Choices = append(o.Choices, choice{c, c})
	}
	return o
}

// freeText is the one argument of a command that takes any text. An argument of a schema
// that is called like it gets a mark, so that the two are told apart when they come back.
const (
	freeText = "text"
	tail     = "_"
)

func optionName(argument string) string {
	if strings.TrimRight(argument, tail) == freeText {
		return argument + tail
	}
	return argument
}

// argumentName is whose option this is.
func argumentName(option string) string {
	if strings.TrimRight(option, tail) == freeText {
		return strings.TrimSuffix(option, tail)
	}
	return option
}

func describe(help, name string) string {
	if help == "" {
		return name
	}
	if r := []rune(help); len(r) > maxDescription {
		return string(r[:maxDescription-1]) + "…"
	}
	return help
}
