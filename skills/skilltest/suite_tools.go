package skilltest

import (
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// called has a model call each tool, twice: the second is the same call run again.
func called(t *testing.T, h Harness) {
	s := h.New(t)
	set, err := skills.NewSet(s)
	if err != nil {
		t.Skip("the manifest is not valid")
	}
	world := newWorld(t, h, s)
	as := NewTurn(allowed(t, h, s, TurnOptions{World: world}))
	in := as.Envelope.In
	if channels := s.Manifest().Permissions.Channels; len(channels) > 0 {
		in.Account = channels[0]
	}
	for _, c := range set.Callable(as.Role, in) {
		t.Run(c.Name, func(t *testing.T) {
			input, err := c.Check(exampleOf(c.Input))
			if err != nil {
				t.Skipf("no example can be made of the schema: %v", err)
			}
			o := TurnOptions{ID: "call", Args: string(input), Input: input, Called: &skills.Called{Tool: c.Name, Call: "call"}, World: world}
			o.Parts = []core.Part{}
			if c.Command {
				o.Command = c.Name
			}
			first := works(t, h, s, o)
			o.Attempt = 2
			if second := works(t, h, s, o); first != second {
				t.Errorf("the first run gave %s, the second %s", first, second)
			}
		})
	}
}

// exampleOf makes arguments that a schema may take.
func exampleOf(text json.RawMessage) json.RawMessage {
	var s jsonschema.Schema
	if len(text) == 0 || json.Unmarshal(text, &s) != nil {
		return nil
	}
	data, err := json.Marshal(valueOf(&s, 0))
	if err != nil {
		return nil
	}
	return data
}

// maxDepth ends schemas that refer to themselves.
const maxDepth = 8

// valueOf makes a value with what is required in it.
func valueOf(s *jsonschema.Schema, depth int) any {
	switch {
	case s == nil || depth > maxDepth:
		return nil
	case len(s.Default) > 0:
		return s.Default
	case s.Const != nil:
		return *s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case "object":
		values := map[string]any{}
		for _, name := range s.Required {
			values[name] = valueOf(s.Properties[name], depth+1)
		}
		return values
	case "array":
		values := []any{}
		for s.MinItems != nil && len(values) < *s.MinItems {
			values = append(values, valueOf(s.Items, depth+1))
		}
		return values
	case "boolean":
		return true
	case "integer", "number":
		switch {
		case s.Minimum != nil:
			return *s.Minimum
		case s.Maximum != nil:
			return *s.Maximum
		}
		return 1
	}
	return "word"
}
