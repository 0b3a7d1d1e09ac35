package skilltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// tools calls each tool as a model does: with what its schema asks for, twice, many at once,
// after the turn was cancelled, and with strange words. A call may fail for good, with words
// that tell why.
func tools(t *testing.T, h Harness) {
	s := h.New(t)
	set, err := skills.NewSet(s)
	if err != nil {
		t.Fatal(err)
	}
	o := allowed(t, h, s, TurnOptions{}).defaults()
	for _, c := range set.Callable(o.Role, core.Conversation{Account: "account", Place: o.Place}) {
		t.Run(c.Name, func(t *testing.T) {
			like := sampleOf(c.Input)
			input, ok := checked(c, like)
			if !ok {
				t.Skip("no example can be made of the schema")
			}
			if first, second := called(t.Context(), t, h, s, c, input, "1"), called(t.Context(), t, h, s, c, input, "1"); first != second {
				t.Errorf("the first call gave %s, the same one again %s", first, second)
			}
			var calls sync.WaitGroup
			for i := range 8 {
				calls.Go(func() { called(t.Context(), t, h, s, c, input, fmt.Sprint("many", i)) })
			}
			calls.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			called(ctx, t, h, s, c, input, "cancelled")
			for _, words := range []string{"", "👩‍👩‍👧‍👦\x00%s\x1b[31m", "שלום \u202eevil", "*a _b `c <b>", strings.Repeat("word ", 50_000)} {
				if input, ok := checked(c, reworded(like, words)); ok {
					called(t.Context(), t, h, s, c, input, "strange")
				}
			}
		})
	}
}

// checked gives arguments as the hub does; ok is false for those that are wrong.
func checked(c skills.Callable, like any) (json.RawMessage, bool) {
	data, err := json.Marshal(like)
	if err != nil {
		return nil, false
	}
	input, err := c.Check(data)
	return input, err == nil
}

// called makes a call, and gives what kind of result it had.
func called(ctx context.Context, t *testing.T, h Harness, s skills.Skill, c skills.Callable, input json.RawMessage, id string) string {
	t.Helper()
	o := TurnOptions{ID: id, Called: &skills.Called{Tool: c.Name, Call: id}, Input: input, Args: string(input), Parts: []core.Part{}}
	if c.Command {
		o.Command = c.Name
	}
	turn := NewTurn(allowed(t, h, s, o))
	var w RecordingWriter
	err := handle(ctx, t, s, turn, &w)
	checkFailed(t, err, &w)
	checkReached(t, turn)
	switch {
	case err != nil && ctx.Err() != nil:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was cancelled ended with %v, which does not say so", err)
		}
		return "cancelled"
	case err != nil:
		if fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
			t.Errorf("the call failed with %v, which is not for good or has no words: %q", err, fault.Public(err))
		}
		return "failed"
	}
	var kinds []string
	for _, parts := range w.Replies() {
		for _, p := range parts {
			kinds = append(kinds, fmt.Sprintf("%T", p))
		}
	}
	return strings.Join(kinds, " ")
}

// sampleOf makes arguments that a schema takes, as far as it tells; an empty object for none.
func sampleOf(schema json.RawMessage) any {
	var root any
	if json.Unmarshal(schema, &root) != nil {
		return map[string]any{}
	}
	return sample(root)
}

func sample(of any) any {
	s, _ := of.(map[string]any)
	for _, word := range []string{"const", "default"} {
		if v, ok := s[word]; ok {
			return v
		}
	}
	if choices, ok := s["enum"].([]any); ok && len(choices) > 0 {
		return choices[0]
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		if choices, ok := s[word].([]any); ok && len(choices) > 0 {
			return sample(choices[0])
		}
	}
	kind := s["type"]
	if kinds, ok := kind.([]any); ok && len(kinds) > 0 {
		kind = kinds[0]
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := s["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			out[name] = sample(properties[name])
		}
		return out
	case "array":
		n, _ := s["minItems"].(float64)
		return slices.Repeat([]any{sample(s["items"])}, max(int(n), 1))
	case "integer", "number":
		for _, word := range []string{"minimum", "maximum"} {
			if v, ok := s[word]; ok {
				return v
			}
		}
		return 1
	case "boolean":
		return true
	case "null":
		return nil
	}
	n, _ := s["minLength"].(float64)
	return strings.Repeat("w", max(int(n), 4))
}

// reworded gives arguments with other words.
func reworded(like any, words string) any {
	switch v := like.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			out[name] = reworded(inner, words)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = reworded(inner, words)
		}
		return out
	case string:
		return words
	}
	return like
}
