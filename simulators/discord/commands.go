package discord

import (
	"fmt"
	"net/http"
	"regexp"
	"unicode/utf8"
)

var commandName = regexp.MustCompile(`^[-_'\p{L}\p{N}]{1,32}$`)

func (s *Server) setCommands(c *call) (any, error) {
	var in []Command
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if c.r.PathValue("application") != s.opts.ApplicationID {
		return nil, refuse(http.StatusForbidden, 20012, "You are not authorized to perform this action on this application")
	}
	if len(in) > 100 {
		return nil, refuse(http.StatusBadRequest, 30032, "Maximum number of application commands reached (100)")
	}
	names := map[string]bool{}
	for i, cmd := range in {
		at := fmt.Sprint(i)
		switch {
		case !commandName.MatchString(cmd.Name):
			return nil, invalid(at+".name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
		case names[cmd.Name]:
			return nil, invalid(at+".name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
		case cmd.Description == "" || utf8.RuneCountInString(cmd.Description) > 100:
			return nil, invalid(at+".description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
		}
		for _, d := range cmd.Descriptions {
			if n := utf8.RuneCountInString(d); n < 1 || n > 100 {
				return nil, invalid(at+".description_localizations", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
			}
		}
		for k, o := range cmd.Options {
			if !commandName.MatchString(o.Name) || o.Description == "" || o.Type < 1 || o.Type > 11 {
				return nil, invalid(fmt.Sprintf("%d.options.%d", i, k), "APPLICATION_COMMAND_OPTIONS_INVALID", "The option is invalid")
			}
		}
		names[cmd.Name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range in {
		in[i].ID, in[i].Application, in[i].Version = s.id(), s.opts.ApplicationID, s.id()
		if in[i].Type == 0 {
			in[i].Type = 1
		}
	}
	s.commands = in
	return in, nil
}

// commandData is what an interaction says of a command.
func commandData(id, name, text string) map[string]any {
	data := map[string]any{"id": id, "name": name, "type": 1}
	if text != "" {
		data["options"] = []map[string]any{{"name": "text", "type": 3, "value": text}}
	}
	return data
}
