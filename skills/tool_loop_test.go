package skills_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

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
