package skilltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// calledStrangely has a model call each tool many times at once, after the turn was
// cancelled, and with strange words. Such a call may fail, for good and with words that tell
// why.
func calledStrangely(t *testing.T, h Harness) {
	s := h.New(t)
	set, err := skills.NewSet(s)
	if err != nil {
		t.Skip("the manifest is not valid")
	}
	as := NewTurn(allowed(t, h, s, TurnOptions{}))
	for _, c := range set.Callable(as.Role, as.Envelope.In) {
		t.Run(c.Name, func(t *testing.T) {
			example := exampleOf(c.Input)
			input, err := c.Check(example)
			if err != nil {
				t.Skipf("no example can be made of the schema: %v", err)
			}
			var calls sync.WaitGroup
			for i := range 8 {
				calls.Go(func() { call(t.Context(), t, h, s, c, input, fmt.Sprint("many", i)) })
			}
			calls.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			call(ctx, t, h, s, c, input, "cancelled")
			var like any = map[string]any{}
			_ = json.Unmarshal(example, &like) // there may be none
			for _, words := range []string{"", "👩‍👩‍👧‍👦\x00%s\x1b[31m", "שלום \u202eevil", "*a _b `c <b>", strings.Repeat("word ", 50_000)} {
				data, err := json.Marshal(reworded(like, words))
				if err != nil {
					t.Fatal(err)
				}
				if input, err := c.Check(data); err == nil {
					call(t.Context(), t, h, s, c, input, "strange")
				}
			}
		})
	}
}

// call makes a call that may fail.
func call(ctx context.Context, t *testing.T, h Harness, s skills.Skill, c skills.Callable, input json.RawMessage, id string) {
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
	case err == nil:
	case ctx.Err() != nil:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was cancelled ended with %v, which does not say so", err)
		}
	case fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "":
		t.Errorf("the call failed with %v, which is not for good or has no words: %q", err, fault.Public(err))
	}
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
