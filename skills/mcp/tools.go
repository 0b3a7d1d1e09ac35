package mcp

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/skills"
)

// tool is one tool of a server, as it was when the server was asked.
type tool struct {
	skills.Tool
	// remote is what the server calls it.
	remote string
	// sum tells this one from what the server may make of it later.
	sum [sha256.Size]byte
}

func find(list []tool, name string) (tool, bool) {
	if i := slices.IndexFunc(list, func(t tool) bool { return t.Name == name }); i >= 0 {
		return list[i], true
	}
	return tool{}, false
}

// take makes tools of those that the server lists, in order of their names. One that cannot
// be had is told and left out.
func (s *server) take(list []*sdk.Tool) []tool {
	var all []tool
	for _, from := range list {
		if from == nil || len(s.Tools) > 0 && !slices.Contains(s.Tools, from.Name) {
			continue
		}
		t, err := s.make(from)
		if _, twice := find(all, t.Name); err == nil && twice {
			err = fmt.Errorf("another tool is called %q here already", t.Name)
		}
		if err != nil {
			s.o.Observe(s.Name, Refused)
			s.log.Warn().Err(s.clean(err, "")).Str("tool", line(from.Name, maxName)).Msg("a tool of an MCP server is left out")
			continue
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b tool) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// maxName is the longest name that a model may call (skills.Tool).
const maxName = 64

// make makes a tool of one that the server lists.
func (s *server) make(from *sdk.Tool) (tool, error) {
	input, err := json.Marshal(from.InputSchema)
	if err != nil {
		return tool{}, err
	}
	if string(input) == "null" {
		input = nil
	}
	t := tool{remote: from.Name, Tool: skills.Tool{
		Name: nameOf(s.Name, from.Name), Description: describe(from), Input: input, Dangerous: s.dangerous(from),
	}}
	if err := t.Validate(); err != nil {
		return t, err
	}
	whole, err := json.Marshal(from)
	t.sum = sha256.Sum256(whole)
	return t, err
}

// nameOf is what models call a tool: names are one of their kind among all skills.
func nameOf(server, remote string) string {
	name := server + "_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, remote)
	return name[:min(len(name), maxName)]
}

// describe is what the model is told of a tool.
func describe(from *sdk.Tool) string {
	about := strings.TrimSpace(strings.ToValidUTF8(from.Description, ""))
	if about == "" && from.Annotations != nil {
		about = from.Annotations.Title
	}
	if about == "" {
		about = from.Title
	}
	if about == "" {
		about = from.Name
	}
	if runes := []rune(about); len(runes) > skills.MaxToolDescription {
		about = string(runes[:skills.MaxToolDescription])
	}
	return about
}

// dangerous tells whether a person confirms the calls of a tool: as the configuration says,
// else unless the server says that it changes nothing, or destroys nothing. A server that
// does not say means that it may (ToolAnnotations of the protocol).
func (s *server) dangerous(from *sdk.Tool) bool {
	switch hints := from.Annotations; {
	case slices.Contains(s.Dangerous, from.Name):
		return true
	case slices.Contains(s.Safe, from.Name):
		return false
	case hints == nil:
		return true
	default:
		return !hints.ReadOnlyHint && (hints.DestructiveHint == nil || *hints.DestructiveHint)
	}
}
