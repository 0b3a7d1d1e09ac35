package discord

import (
	"context"
	"net/http"
	"regexp"
	"slices"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/adapters"
)

const (
	// maxCommands and maxDescription are the limits of application commands
	// (https://docs.discord.com/developers/interactions/application-commands).
	maxCommands    = 100
	maxDescription = 100
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
	optionString = 3
	optionFile   = 11
)

// applicationCommand is a slash command with one argument.
type applicationCommand struct {
	Name         string            `json:"name"`
	Type         int               `json:"type"`
	Description  string            `json:"description"`
	Descriptions map[string]string `json:"description_localizations,omitempty"`
	Options      []commandOption   `json:"options"`
}

type commandOption struct {
	Type        int    `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// SetCommands implements adapters.Menu: the application's global commands become
// these, each with one text as its argument, and one for people who just want to
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
			list = append(list, made(c.Name, c.Help))
		}
	}
	return list
}

func made(name string, help map[string]string) applicationCommand {
	c := applicationCommand{Name: name, Type: 1, Description: describe(help[menuLanguage], name)}
	for tag, text := range help {
		if locale := locales[tag]; locale != "" && text != "" {
			if c.Descriptions == nil {
				c.Descriptions = map[string]string{}
			}
			c.Descriptions[locale] = describe(text, name)
		}
	}
	c.Options = []commandOption{{Type: optionString, Name: "text", Description: "What to say"}}
	return c
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
