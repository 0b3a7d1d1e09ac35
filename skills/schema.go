package skills

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// The bounds of a schema: what every platform can show.
const (
	// MaxArguments is the most arguments of a command.
	MaxArguments = 25
	// MaxChoices is the most choices of an argument, MaxChoice the longest in characters.
	MaxChoices = 25
	MaxChoice  = 100
	// maxSchema bounds a schema's text, in bytes.
	maxSchema = 64 << 10
)

// Kind is what an argument is, in the words of JSON Schema.
type Kind string

// The kinds.
const (
	String  Kind = "string"
	Integer Kind = "integer"
	Number  Kind = "number"
	Boolean Kind = "boolean"
)

// Argument is one argument of a command.
type Argument struct {
	Name string
	Kind Kind
	// About says in a line what it is.
	About string
	// Required is true where it must be given: one with a Default need not be.
	Required bool
	// Choices are all that it may be; empty for anything. Only of a String.
	Choices []string
	// Minimum and Maximum bound a number; nil for no bound.
	Minimum, Maximum *float64
	// MinLength and MaxLength bound a String, in characters; nil for no bound.
	MinLength, MaxLength *int
	// Default is what it is where it is not given; empty for nothing.
	Default json.RawMessage

	rule *jsonschema.Resolved
}

// Schema is the arguments of a command. It never changes and is safe for concurrent use.
type Schema struct {
	arguments []Argument
	rule      *jsonschema.Resolved
}

// Arguments are those of the schema, the required ones first, else in its order.
func (s *Schema) Arguments() []Argument { return slices.Clone(s.arguments) }

var argumentName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

var errNoObject = errors.New(`a schema is {"type": "object", "properties": {...}}`)

// ParseSchema reads a JSON Schema (draft 2020-12): an object whose properties are strings,
// whole numbers, numbers and booleans, with descriptions, defaults, bounds, and choices
// (enum) for strings. Nothing nested, so that every platform can ask for it. The error
// lists all that is wrong.
func ParseSchema(text json.RawMessage) (*Schema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("the schema has %d bytes, more than %d", len(text), maxSchema)
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("the schema cannot be read: %w", err)
	}
	if root.Type != "object" {
		return nil, errNoObject
	}
	var problems []error
	names := propertyNames(text)
	s := &Schema{}
	for _, word := range strange(&root, "type", "title", "description", "properties", "required", "additionalProperties", "$schema", "$comment") {
		problems = append(problems, fmt.Errorf("%q is not supported", word))
	}
	for _, name := range root.Required {
		if root.Properties[name] == nil {
			problems = append(problems, fmt.Errorf("%q is required and no property", name))
		}
	}
	if len(names) > MaxArguments {
		problems = append(problems, fmt.Errorf("%d properties, more than %d", len(names), MaxArguments))
	}
	for _, name := range names {
		a, err := argument(name, root.Properties[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("property %q: %w", name, err))
		}
		a.Required = slices.Contains(root.Required, name) && len(a.Default) == 0
		s.arguments = append(s.arguments, a)
	}
	if len(problems) == 0 {
		// What is not named would be lost in a form, and is a mistake in a text.
		root.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
		var err error
		if s.rule, err = root.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true}); err != nil {
			problems = append(problems, err)
		}
	}
	slices.SortStableFunc(s.arguments, func(a, b Argument) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		default:
			return 1
		}
	})
	return s, errors.Join(problems...)
}

// argument reads one property.
func argument(name string, p *jsonschema.Schema) (Argument, error) {
	if p == nil {
		return Argument{Name: name}, errors.New("it is empty")
	}
	a := Argument{
		Name: name, Kind: Kind(p.Type), About: p.Description, Minimum: p.Minimum, Maximum: p.Maximum,
		MinLength: p.MinLength, MaxLength: p.MaxLength, Default: p.Default,
	}
	var problems []error
	if !argumentName.MatchString(name) {
		problems = append(problems, errors.New("a name is 1 to 32 of a-z, 0-9, underscore and hyphen"))
	}
	if !slices.Contains([]Kind{String, Integer, Number, Boolean}, a.Kind) {
		problems = append(problems, fmt.Errorf("its type is one of string, integer, number and boolean, not %q", p.Type))
	}
	for _, word := range strange(p, "type", "title", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "examples", "$comment", "format") {
		problems = append(problems, fmt.Errorf("%q is not supported", word))
	}
	for _, c := range p.Enum {
		text, ok := c.(string)
		if !ok || text == "" || len([]rune(text)) > MaxChoice || a.Kind != String || slices.Contains(a.Choices, text) {
			problems = append(problems, fmt.Errorf("the choice %v: choices are different strings of 1 to %d characters", c, MaxChoice))
		}
		a.Choices = append(a.Choices, text)
	}
	if p.Enum != nil && (len(p.Enum) == 0 || len(p.Enum) > MaxChoices) {
		problems = append(problems, fmt.Errorf("%d choices; there are 1 to %d", len(p.Enum), MaxChoices))
	}
	if strings.ContainsAny(a.About, "\r\n") {
		problems = append(problems, errors.New("its description is more than one line"))
	}
	if len(problems) == 0 {
		var err error
		if a.rule, err = p.CloneSchemas().Resolve(nil); err != nil {
			problems = append(problems, err)
		}
	}
	return a, errors.Join(problems...)
}

// strange lists the keywords of a schema that are not among the known ones.
func strange(s *jsonschema.Schema, known ...string) []string {
	data, err := json.Marshal(s)
	var all map[string]json.RawMessage
	if err != nil || json.Unmarshal(data, &all) != nil {
		return []string{"its form"}
	}
	var out []string
	for word := range all {
		if !slices.Contains(known, word) {
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return out
}

// propertyNames gives the properties of a schema in the order in which they are written.
func propertyNames(text json.RawMessage) []string {
	var root struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(text, &root) != nil || len(root.Properties) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(root.Properties))
	var names []string
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return names
		}
		var skipped json.RawMessage
		if dec.Decode(&skipped) != nil {
			return names
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Check takes arguments as JSON, as a model or a form gives them: it puts the defaults in,
// and tells what is wrong for who wrote them.
func (s *Schema) Check(input json.RawMessage) (json.RawMessage, error) {
	values := map[string]any{}
	if len(bytes.TrimSpace(input)) > 0 {
		if err := json.Unmarshal(input, &values); err != nil || values == nil {
			return nil, errors.New("the arguments are no JSON object")
		}
	}
	return s.finish(values)
}

// finish puts the defaults in and looks at the whole.
func (s *Schema) finish(values map[string]any) (json.RawMessage, error) {
	for _, a := range s.arguments {
		if _, given := values[a.Name]; !given && len(a.Default) > 0 {
			values[a.Name] = a.Default
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("the arguments cannot be written as JSON: %w", err)
	}
	var whole map[string]any
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	if err := s.rule.Validate(whole); err != nil {
		return nil, err
	}
	return data, nil
}
