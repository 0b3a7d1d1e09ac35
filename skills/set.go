package skills

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
)

// MaxHelp is the most characters a help line may have: Discord's limit for the
// description of a command, the shortest of the platforms'.
const MaxHelp = 100

// MaxDescription is the most characters of a manifest's description.
const MaxDescription = 1000

// Cancel is the command with which people end a question. No skill has it.
const Cancel = "cancel"

// The forms of names. A command's is what every platform's menu takes.
var (
	skillName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
)

// Set is the skills of a hub. It never changes and is safe for concurrent use.
type Set struct {
	skills    []Skill
	manifests []Manifest
	byName    map[string]int
	byCommand map[string]int
	byTool    map[string]int
}

// NewSet checks the skills' manifests and makes a Set of them. The order is kept:
// it is the order of help and of the menus. All that is wrong is reported in one
// error: missing or doubled names, bad or doubled commands, help that is missing
// in English, longer than MaxHelp or more than a line, bad or doubled tools, unknown roles
// and places, schemas and patterns that cannot be read, hosts and names in permissions that are none.
func NewSet(skills ...Skill) (*Set, error) {
	s := &Set{byName: map[string]int{}, byCommand: map[string]int{}, byTool: map[string]int{}}
	var problems []error
	for i, skill := range skills {
		if skill == nil {
			problems = append(problems, fmt.Errorf("skill %d is nil", i))
			continue
		}
		problems = append(problems, s.add(skill, skill.Manifest())...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return s, nil
}

func (s *Set) add(skill Skill, m Manifest) []error {
	problems := m.problems()
	if _, taken := s.byName[m.Name]; taken {
		problems = append(problems, fmt.Errorf("skill %q: there are two of this name", m.Name))
	}
	at := len(s.skills)
	s.byName[m.Name] = at
	m.Commands = slices.Clone(m.Commands)
	for i, c := range m.Commands {
		m.Commands[i].schema = c.Schema()
	}
	m.Tools = slices.Clone(m.Tools)
	for i, t := range m.Tools {
		m.Tools[i].rule, _ = t.resolve() // what is wrong is among the problems
	}
	s.skills = append(s.skills, skill)
	s.manifests = append(s.manifests, m)
	for _, c := range m.Commands {
		if owner, taken := s.byCommand[c.Name]; taken {
			problems = append(problems, fmt.Errorf("skill %q: command %q is already one of %q", m.Name, c.Name, s.manifests[owner].Name))
			continue
		}
		s.byCommand[c.Name] = at
	}
	for _, name := range m.toolNames() {
		if owner, taken := s.byTool[name]; taken {
			problems = append(problems, fmt.Errorf("skill %q: tool %q is already one of %q", m.Name, name, s.manifests[owner].Name))
			continue
		}
		s.byTool[name] = at
	}
	return problems
}

// toolNames are what models may call.
func (m Manifest) toolNames() []string {
	var names []string
	for _, c := range m.Commands {
		if c.Tool {
			names = append(names, c.Name)
		}
	}
	for _, t := range m.Tools {
		names = append(names, t.Name)
	}
	return names
}

// problems lists what is wrong with one manifest on its own.
func (m Manifest) problems() []error {
	var found []error
	wrong := func(format string, args ...any) {
		found = append(found, fmt.Errorf("skill %q: "+format, append([]any{m.Name}, args...)...))
	}
	if !skillName.MatchString(m.Name) {
		wrong("a name is lower case letters, digits and hyphens")
	}
	if m.Timeout < 0 {
		wrong("timeout %s is negative", m.Timeout)
	}
	for _, r := range m.Roles {
		if r != User && r != Admin {
			wrong("role %q is unknown", r)
		}
	}
	for _, p := range m.Places {
		if p != core.Private && p != core.Group {
			wrong("place %q is unknown", p)
		}
	}
	m.Triggers.problems(wrong)
	m.Permissions.problems(wrong)
	if _, named := m.Description["en"]; len(m.Description) > 0 && !named {
		wrong("a description in English is missing")
	}
	for _, language := range slices.Sorted(maps.Keys(m.Description)) {
		if n := utf8.RuneCountInString(m.Description[language]); n > MaxDescription {
			wrong("description in %q has %d characters, more than %d", language, n, MaxDescription)
		}
	}
	for _, c := range m.Commands {
		c.problems(func(format string, args ...any) {
			wrong("command %q: "+format, append([]any{c.Name}, args...)...)
		})
	}
	for _, t := range m.Tools {
		t.problems(func(format string, args ...any) {
			wrong("tool %q: "+format, append([]any{t.Name}, args...)...)
		})
	}
	return found
}

// problems lists what is wrong with a command.
func (c Command) problems(wrong func(format string, args ...any)) {
	if !commandName.MatchString(c.Name) {
		wrong("a name is 1 to 32 of a-z, 0-9 and underscore")
	}
	if c.Name == Cancel {
		wrong("it is the hub's own: it ends a question")
	}
	if c.Help["en"] == "" {
		wrong("help in English is missing")
	}
	for _, language := range slices.Sorted(maps.Keys(c.Help)) {
		help := c.Help[language]
		if n := utf8.RuneCountInString(help); n > MaxHelp {
			wrong("help in %q has %d characters, more than %d", language, n, MaxHelp)
		}
		if strings.ContainsAny(help, "\r\n") {
			wrong("help in %q is more than one line", language)
		}
	}
	if len(c.Input) > 0 {
		if _, err := ParseSchema(c.Input); err != nil {
			wrong("input: %w", err)
		}
	}
	if c.Tool && len(c.Input) == 0 {
		wrong("a tool needs a schema of its input")
	}
	if c.Dangerous && !c.Tool {
		wrong("dangerous is of tools only")
	}
}

// problems lists what is wrong with triggers.
func (t Triggers) problems(wrong func(format string, args ...any)) {
	for _, k := range t.Keywords {
		if strings.TrimSpace(k) == "" {
			wrong("a keyword is empty")
		}
	}
	if _, err := regexp.Compile(t.Pattern); err != nil {
		wrong("pattern: %w", err)
	}
	for _, p := range t.Every {
		if p != core.Private && p != core.Group {
			wrong("every message in place %q: it is unknown", p)
		}
	}
}

// ByName finds a skill.
func (s *Set) ByName(name string) (Skill, bool) { return s.find(s.byName, name) }

// ByCommand finds the skill that a command calls; the name is without the slash.
func (s *Set) ByCommand(name string) (Skill, bool) { return s.find(s.byCommand, name) }

func (s *Set) find(in map[string]int, name string) (Skill, bool) {
	if i, ok := in[name]; ok {
		return s.skills[i], true
	}
	return nil, false
}

// All gives the skills in the order they were given.
func (s *Set) All() []Skill { return slices.Clone(s.skills) }

// For gives the manifests of what somebody of this role may use in this place.
func (s *Set) For(role Role, place core.Place) []Manifest {
	var may []Manifest
	for _, m := range s.manifests {
		if m.Allows(role, place) {
			may = append(may, m)
		}
	}
	return may
}

// Callable gives what a model may call for somebody of this role in this conversation, in
// order of the names.
func (s *Set) Callable(role Role, in core.Conversation) []Callable {
	var may []Callable
	for _, m := range s.manifests {
		if !m.Allows(role, in.Place) || !m.On(in.Account) {
			continue
		}
		for _, c := range m.Commands {
			if c.Tool {
				may = append(may, c.callable(m.Name))
			}
		}
		for _, t := range m.Tools {
			may = append(may, t.callable(m.Name))
		}
	}
	slices.SortFunc(may, func(a, b Callable) int { return strings.Compare(a.Name, b.Name) })
	return may
}

// Offline names the skills that answer without any model worker.
func (s *Set) Offline() []string {
	var names []string
	for _, m := range s.manifests {
		if !m.NeedsModel {
			names = append(names, m.Name)
		}
	}
	return names
}
