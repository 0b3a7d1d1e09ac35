package telegram

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxCommands and maxDescription are the limits of setMyCommands.
	maxCommands    = 100
	maxDescription = 256
	// menuLanguage is the language for people whose own has no menu.
	menuLanguage = "en"
)

var commandShape = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// botCommand is BotCommand.
type botCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// SetCommands implements adapters.Menu: one list for everybody and one for each
// language there is help in. A command whose name Telegram cannot show is left out
// of the menu; it still works when written.
func (a *Adapter) SetCommands(ctx context.Context, commands []adapters.MenuCommand) error {
	languages := map[string]bool{}
	for _, c := range commands {
		for tag := range c.Help {
			if code := languageCode(tag); code != "" {
				languages[code] = true
			}
		}
	}
	for _, language := range append([]string{""}, slices.Sorted(maps.Keys(languages))...) {
		list, err := json.Marshal(menu(commands, language))
		if err != nil {
			return fault.New(fault.Bug, "setMyCommands", err)
		}
		p := params{"commands": string(list)}
		if language != "" {
			p["language_code"] = language
		}
		if err := a.api.call(ctx, "setMyCommands", p, nil); err != nil {
			return err
		}
	}
	return nil
}

// languageCode is the two letters Telegram knows a language by.
func languageCode(tag string) string {
	code, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if len(code) != 2 {
		return ""
	}
	return code
}

// menu is the list for one language; what has no help in it has the English one.
func menu(commands []adapters.MenuCommand, language string) []botCommand {
	list := []botCommand{}
	for _, c := range commands {
		help := c.Help[menuLanguage]
		for _, tag := range slices.Sorted(maps.Keys(c.Help)) {
			if languageCode(tag) == language {
				help = c.Help[tag]
				break
			}
		}
		if help == "" {
			help = c.Name
		}
		if !commandShape.MatchString(c.Name) || len(list) == maxCommands {
			continue
		}
		if r := []rune(help); len(r) > maxDescription {
			help = string(r[:maxDescription-1]) + "…"
		}
		list = append(list, botCommand{Command: c.Name, Description: help})
	}
	return list
}
