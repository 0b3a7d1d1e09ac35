package skills_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// handler makes a handler that does not look at its turn.
func handler(f func() error) skills.Handler {
	return skills.HandlerFunc(func(context.Context, *skills.Turn, skills.Writer) error { return f() })
}

func TestRecoverMakesAPanicABug(t *testing.T) {
	for name, value := range map[string]any{
		"words": "boom", "error": errors.New("boom"), "long": strings.Repeat("boom", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := zerolog.New(&out)
			h := skills.Recover()(handler(func() error { panic(value) }))
			err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Log: &log}), &skilltest.RecordingWriter{})
			if fault.ClassOf(err) != fault.Bug || !strings.Contains(err.Error(), "boom") || len(err.Error()) > 1000 {
				t.Errorf("got %.100v of class %v", err, fault.ClassOf(err))
			}
			line := out.String()
			if ref := fault.Ref(err); ref == "" || !strings.Contains(line, ref) {
				t.Errorf("the log does not hold the reference %q: %.200s", ref, line)
			}
			if !strings.Contains(line, "recover_test.go") {
				t.Errorf("the log has no stack: %.200s", line)
			}
		})
	}
}

func TestRecoverFindsANilMap(t *testing.T) {
	var none map[string]int
	h := skills.Recover()(handler(func() error { none["a"] = 1; return nil }))
	err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{})
	if fault.ClassOf(err) != fault.Bug {
		t.Errorf("got %v", err)
	}
}

func TestRecoverHandsErrorsOn(t *testing.T) {
	want := errors.New("as it is")
	h := skills.Recover()(handler(func() error { return want }))
	if err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestChainPutsTheFirstOutermost(t *testing.T) {
	var order []string
	note := func(name string) skills.Middleware {
		return func(next skills.Handler) skills.Handler {
			return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
				order = append(order, name)
				return next.Handle(ctx, t, w)
			})
		}
	}
	h := skills.Chain(handler(func() error { order = append(order, "skill"); return nil }), note("a"), note("b"))
	if err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "a b skill" {
		t.Errorf("order %q", got)
	}
}
