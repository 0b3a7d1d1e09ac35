package skilltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

// maxAnswers is how many questions the suite answers one after the other.
const maxAnswers = 16

// newWorld is what the skill reaches in one turn.
func newWorld(t *testing.T, h Harness, s skills.Skill) skills.World {
	t.Helper()
	if h.World != nil {
		return h.World(t)
	}
	return NewWorld(s.Manifest())
}

// checkReached says that the skill reached for nothing that its manifest does not name.
func checkReached(t *testing.T, turn *skills.Turn) {
	t.Helper()
	if w, ok := turn.World.(*World); ok && len(w.Denied()) > 0 {
		t.Errorf("the skill reached for %v, which its manifest does not allow", w.Denied())
	}
}

// arguments calls each command with what its schema asks for, and answers what it asks.
func arguments(t *testing.T, h Harness) {
	s := h.New(t)
	for _, c := range s.Manifest().Commands {
		t.Run(c.Name, func(t *testing.T) {
			args := ""
			if schema := c.Schema(); schema != nil {
				args = example(schema)
				if _, wrong := schema.Read(args); len(wrong) > 0 {
					t.Skipf("no example can be made of the schema: %s", wrong[0].In("en"))
				}
			}
			world := newWorld(t, h, s)
			options := TurnOptions{Command: c.Name, Args: args, World: world}
			for n := range maxAnswers {
				options.ID = fmt.Sprint(n)
				turn := NewTurn(allowed(t, h, s, options))
				var w RecordingWriter
				if err := handle(t.Context(), t, s, turn, &w); err != nil {
					t.Errorf("Handle: %v", err)
					return
				}
				checkReached(t, turn)
				asked := w.Questions()
				if len(asked) == 0 {
					return
				}
				q := asked[len(asked)-1]
				if err := q.Check(); err != nil {
					t.Errorf("a question cannot be asked: %v", err)
				}
				for _, words := range []string{"", "👩‍👩‍👧‍👦\x00%s", strings.Repeat("word ", 10_000)} {
					answer := TurnOptions{Text: words, Parts: []core.Part{}, Asked: &skills.Asked{Turn: turn.ID, State: q.State}}
					works(t, h, s, answer)
				}
				options = TurnOptions{Text: "an answer", World: world, Session: turn.Session, Asked: &skills.Asked{Turn: turn.ID, State: q.State}}
			}
		})
	}
}

// example writes arguments that a schema takes, as far as it tells.
func example(s *skills.Schema) string {
	values := map[string]any{}
	for _, a := range s.Arguments() {
		switch {
		case len(a.Choices) > 0:
			values[a.Name] = a.Choices[0]
		case a.Kind == skills.Boolean:
			values[a.Name] = true
		case a.Kind == skills.String:
			values[a.Name] = "word"
			if a.MinLength != nil {
				values[a.Name] = strings.Repeat("w", max(*a.MinLength, 4))
			}
		case a.Minimum != nil:
			values[a.Name] = *a.Minimum
		case a.Maximum != nil:
			values[a.Name] = *a.Maximum
		default:
			values[a.Name] = 1
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return ""
	}
	return string(text)
}
