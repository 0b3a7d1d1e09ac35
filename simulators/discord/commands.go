package discord

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
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
		if err := checkOptions(at, cmd.Options); err != nil {
			return nil, err
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
		data["options"] = []map[string]any{{"name": freeText, "type": optionString, "value": text}}
	}
	return data
}

// Command runs a slash command as a person, with its text argument where it has one, else with its
// form filled in from the text. The command must be registered.
func (s *Server) Command(channel, from, name, text string) (Asked, error) {
	return s.Run(Run{Channel: channel, From: from, Name: name, Text: text})
}

// Run is a slash command that a person runs.
type Run struct {
	Channel, From, Name string
	// Text is the argument "text"; of a command without one it is filled into the form:
	// a word for each argument, the last text taking what is left.
	Text string
	// Form are the arguments by their names, as the person filled them in.
	Form map[string]any
	// File is an argument of a command that takes one; nil for none. Host is where the bot finds
	// it, as host:port.
	File *File
	Host string
}

// Run runs a slash command as a person. The command, and a file as its argument, must be
// registered.
func (s *Server) Run(u Run) (Asked, error) {
	s.mu.Lock()
	i := slices.IndexFunc(s.commands, func(c Command) bool { return c.Name == u.Name })
	if i < 0 {
		s.mu.Unlock()
		return Asked{}, ErrNoCommand
	}
	data, err := s.commands[i].filled(u)
	if err != nil {
		s.mu.Unlock()
		return Asked{}, err
	}
	if u.File != nil {
		k := slices.IndexFunc(s.commands[i].Options, func(o CommandOption) bool { return o.Type == optionFile })
		if k < 0 {
			s.mu.Unlock()
			return Asked{}, ErrNoCommand
		}
		a := s.attach(u.Host, u.Channel, file{u.File.Name, u.File.Type, u.File.Data})
		options, _ := data["options"].([]map[string]any)
		data["options"] = append(options, map[string]any{"name": s.commands[i].Options[k].Name, "type": optionFile, "value": a.ID})
		data["resolved"] = map[string]any{"attachments": map[string]any{a.ID: a}}
	}
	s.mu.Unlock()
	return s.ask(u.Channel, u.From, 2, data, nil)
}

// CommandBody is the body of a command that nobody ran: for calls of the endpoint that a test makes
// itself. The command need not be registered.
func (s *Server) CommandBody(channel, from, name, text string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := s.make(channel, from, 2, commandData("1", name, text), nil)
	if err != nil {
		return nil, err
	}
	return in.body, nil
}
