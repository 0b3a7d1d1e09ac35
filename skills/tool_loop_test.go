package skills_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// A schema that leads to itself for the same value would never be done with, and one that
// branches at each of many levels not in anybody's life.
func TestToolsThatNeverEnd(t *testing.T) {
	var branches strings.Builder
	for i := range 60 {
		fmt.Fprintf(&branches, `"a%d":{"allOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},`, i, i+1, i+1)
	}
	for name, input := range map[string]string{
		"itself":        `{"type":"object","$ref":"#"}`,
		"by all":        `{"type":"object","allOf":[{"$ref":"#"}]}`,
		"by not":        `{"type":"object","properties":{"x":{"not":{"$ref":"#/properties/x"}}}}`,
		"two":           `{"type":"object","properties":{"x":{"$ref":"#/$defs/a"}},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"if":{"$ref":"#/$defs/a"}}}}`,
		"unused":        `{"type":"object","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"}]}}}`,
		"escaped":       `{"type":"object","$defs":{"a/b":{"$ref":"#/$defs/a~1b"}}}`,
		"percent":       `{"type":"object","$defs":{"a":{"$ref":"#/%24defs/a"}}}`,
		"dependent":     `{"type":"object","dependentSchemas":{"x":{"$ref":"#"}}}`,
		"dynamic":       `{"type":"object","$dynamicRef":"#"}`,
		"anchor":        `{"type":"object","$defs":{"a":{"$anchor":"x","$ref":"#x"}}}`,
		"another base":  `{"type":"object","$defs":{"a":{"$id":"https://x.test/","$ref":"#"}}}`,
		"another place": `{"type":"object","properties":{"x":{"$ref":"https://x.test/"}}}`,
		"branches":      `{"type":"object","properties":{"x":{"$ref":"#/$defs/a0"}},"$defs":{` + branches.String() + `"a60":{}}}`,
	} {
		if err := (skills.Tool{Name: "t", Description: "d", Input: json.RawMessage(input)}).Validate(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, input := range map[string]string{
		"a tree":     `{"type":"object","properties":{"left":{"$ref":"#"},"right":{"anyOf":[{"type":"null"},{"$ref":"#"}]},"rows":{"type":"array","items":{"$ref":"#/$defs/row"}}},"$defs":{"row":{"type":"object"}}}`,
		"properties": `{"type":"object","properties":{"$ref":{"type":"string"},"$id":{"type":"string"},"not":{"type":"string"}}}`,
		"its own id": `{"$id":"https://x.test/t","type":"object","properties":{"x":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}`,
	} {
		if err := (skills.Tool{Name: "t", Description: "d", Input: json.RawMessage(input)}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// deep gives an object in an object in an object.
func deep(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat(`{"x":`, depth) + "{}" + strings.Repeat("}", depth))
}

// Arguments that double the work with each of their levels are refused before it begins.
func TestArgumentsThatNeverEnd(t *testing.T) {
	for _, c := range []struct {
		name, input string
		arguments   json.RawMessage
		ok          bool
	}{
		{"twice", `{"type":"object","properties":{"x":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, deep(60), false},
		{"by each name", `{"type":"object","additionalProperties":{"oneOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}}`, deep(60), false},
		{"a long way", `{"type":"object","properties":{"x":{"$ref":"#"}}}`, deep(9_000), false},
		{"once", `{"type":"object","properties":{"x":{"$ref":"#"}}}`, deep(500), true},
		{"twice, and shallow", `{"type":"object","properties":{"x":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, deep(6), true},
		{"a long list", `{"type":"object","properties":{"x":{"type":"array","items":{"type":"integer"}}}}`, json.RawMessage(`{"x":[` + strings.Repeat("1,", 100_000) + `1]}`), true},
	} {
		set, err := skills.NewSet(tooled{skills.Tool{Name: "t", Description: "d", Input: json.RawMessage(c.input)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Callable(skills.User, core.Conversation{Place: core.Private})[0].Check(c.arguments); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// tooled is a skill with one tool.
type tooled struct{ tool skills.Tool }

func (s tooled) Manifest() skills.Manifest {
	return skills.Manifest{Name: "s", Tools: []skills.Tool{s.tool}}
}

func (tooled) Handle(context.Context, *skills.Turn, skills.Writer) error { return nil }

// FuzzTool: whatever is a tool's schema can be held against whatever arguments.
func FuzzTool(f *testing.F) {
	f.Add(`{"type":"object","properties":{"x":{"anyOf":[{"$ref":"#"},{"type":"string"}]}}}`, `{"x":{"x":"y"}}`)
	f.Add(`{"type":"object","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"items":{"$ref":"#/$defs/a"}}},"properties":{"x":{"$ref":"#/$defs/a"}}}`, `{"x":[[[]]]}`)
	f.Add(`{"type":"object","dependentSchemas":{"x":{"required":["y"]}},"patternProperties":{"^x":{"enum":[1]}},"if":{"required":["x"]},"then":{"minProperties":2}}`, `{"x":1}`)
	f.Fuzz(func(t *testing.T, schema, arguments string) {
		set, err := skills.NewSet(tooled{skills.Tool{Name: "t", Description: "d", Input: json.RawMessage(schema)}})
		if err != nil {
			return
		}
		_, _ = set.Callable(skills.User, core.Conversation{Place: core.Private})[0].Check(json.RawMessage(arguments))
	})
}
