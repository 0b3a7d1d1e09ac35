package skills

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// MaxToolDescription is the most characters of a tool's description.
const MaxToolDescription = 4096

// AllTools stands for every tool in Permissions.Tools.
const AllTools = "*"

// toolName is the form of names that OpenAI's protocol takes
// (https://platform.openai.com/docs/api-reference/chat/create, tools.function.name).
var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// Tool is a function that the model may call and people cannot: a Command that has Tool set
// is both.
type Tool struct {
	// Name is 1 to 64 letters, digits, underscores and hyphens; one of its kind in a set,
	// commands that are tools counted in.
	Name string
	// Description tells the model what it does, in English; 1 to MaxToolDescription
	// characters.
	Description string
	// Input is the JSON Schema (draft 2020-12 or 7) of its arguments: an object, nested or
	// not, without references to other documents. Empty for no arguments.
	Input json.RawMessage
	// Dangerous is true when a person must confirm before the call is made.
	Dangerous bool

	// rule is Input, in the manifests that a Set gives.
	rule *jsonschema.Resolved
}

// noArguments is the schema of a tool that takes none.
var noArguments = json.RawMessage(`{"type":"object","properties":{}}`)

// Validate lists all that is wrong with a tool on its own.
func (t Tool) Validate() error {
	var found []error
	t.problems(func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) })
	return errors.Join(found...)
}

func (t Tool) problems(wrong func(format string, args ...any)) {
	if !toolName.MatchString(t.Name) {
		wrong("a name is 1 to 64 letters, digits, underscores and hyphens")
	}
	switch n := utf8.RuneCountInString(t.Description); {
	case strings.TrimSpace(t.Description) == "":
		wrong("a description is missing")
	case n > MaxToolDescription:
		wrong("its description has %d characters, more than %d", n, MaxToolDescription)
	}
	if _, err := t.resolve(); err != nil {
		wrong("input: %w", err)
	}
}

// resolve reads the schema.
func (t Tool) resolve() (*jsonschema.Resolved, error) {
	text := t.Input
	switch {
	case t.rule != nil:
		return t.rule, nil
	case len(text) == 0:
		text = noArguments
	case len(text) > maxSchema:
		return nil, fmt.Errorf("the schema has %d bytes, more than %d", len(text), maxSchema)
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("the schema cannot be read: %w", err)
	}
	if root.Type != "object" {
		return nil, errNoObject
	}
	if !strings.Contains(root.Schema, "draft-07") {
		root.Schema = "" // other drafts are read as 2020-12: what tools use of them is the same
	}
	return root.Resolve(nil)
}

// Callable is a tool that may be called: a Tool, or a Command that is one.
type Callable struct {
	Tool
	// Skill is whose it is.
	Skill string
	// Help says in a line what it does, for people.
	Help Phrase
	// Command is true for one that people may call too.
	Command bool

	// schema is Input for a Command.
	schema *Schema
}

// callable makes a tool of a command.
func (c Command) callable(skill string) Callable {
	return Callable{
		Tool:  Tool{Name: c.Name, Description: c.Help["en"], Input: c.Input, Dangerous: c.Dangerous},
		Skill: skill, Help: c.Help, Command: true, schema: c.Schema(),
	}
}

func (t Tool) callable(skill string) Callable {
	line, _, _ := strings.Cut(strings.TrimSpace(t.Description), "\n")
	return Callable{Tool: t, Skill: skill, Help: Phrase{"en": line}}
}

// Check takes arguments as the model gives them: it puts defaults of a command in, and the
// error tells the model what is wrong.
func (c Callable) Check(input json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(input)) == 0 {
		input = json.RawMessage("{}")
	}
	if c.schema != nil {
		return c.schema.Check(input)
	}
	rule, err := c.resolve()
	if err != nil {
		return nil, err
	}
	var whole map[string]any
	if err := json.Unmarshal(input, &whole); err != nil || whole == nil {
		return nil, errors.New("the arguments are no JSON object")
	}
	return input, rule.Validate(whole)
}
