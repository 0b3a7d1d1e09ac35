package session_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(minute int) time.Time { return time.Date(2026, 11, 20, 10, minute, 0, 0, time.UTC) }

func load(t *testing.T, fields map[string][]byte, log [][]byte) *session.Session {
	t.Helper()
	s, err := session.Load(fields, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apply does to a memory what an engine does with a commit.
func apply(fields map[string][]byte, log [][]byte, c session.Changes) (map[string][]byte, [][]byte) {
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string][]byte{}
	}
	for k, v := range c.Set {
		if v == nil {
			delete(fields, k)
		} else {
			fields[k] = v
		}
	}
	return fields, append(slices.Clone(log[c.Trim:]), c.Append...)
}

func turn(i, tokens int) session.Turn {
	return session.Turn{
		ID: core.EnvelopeID(fmt.Sprint(i)), At: at(i % 60), Said: []session.Line{{Name: "Ada", Text: fmt.Sprint("q", i)}},
		Answer: fmt.Sprint("a", i), Tokens: tokens,
	}
}

func TestGoldenMemory(t *testing.T) {
	s := load(t, nil, nil)
	s.Append(turn(1, 5))
	s.Pin("Ada likes tea")
	s.SetModel("fast", "admin")
	s.Absorb("e9")
	s.Hear(session.Line{Name: "Ben", Text: "by the way"}, 5)
	c := s.Changes()
	var out strings.Builder
	for _, k := range slices.Sorted(maps.Keys(c.Set)) {
		fmt.Fprintf(&out, "%s = %s\n", k, c.Set[k])
	}
	for _, e := range c.Append {
		fmt.Fprintf(&out, "+ %s\n", e)
	}
	path := filepath.Join("testdata", "memory.v1.txt")
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the memory's form changed (-want +got)\n%s", diff)
	}
}

// Whatever happens to a session, loading what its changes made gives the session back,
// and a turn's changes hold only that turn.
func TestChangesMakeTheSameSession(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var fields map[string][]byte
		var log [][]byte
		var model []session.Turn
		for i := range rapid.IntRange(1, 20).Draw(t, "turns") {
			s, err := session.Load(fields, log, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rapid.Float64Range(0, 1).Draw(t, "clear?") < 0.1 {
				s.Clear()
				model = nil
			}
			next := turn(i, rapid.IntRange(0, 50).Draw(t, "tokens"))
			s.Append(next)
			model = append(model, next)
			budget := rapid.IntRange(0, 200).Draw(t, "budget")
			if err := s.Trim(budget); err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, m := range model {
				total += m.Tokens
			}
			for len(model) > 1 && total > budget {
				total -= model[0].Tokens
				model = model[1:]
			}
			c := s.Changes()
			if len(c.Append) > 1 {
				t.Fatalf("a turn wrote %d entries", len(c.Append))
			}
			fields, log = apply(fields, log, c)
			for _, memo := range []any{nil, c.Memo, "of another build"} {
				again, err := session.Load(fields, log, memo)
				if err != nil {
					t.Fatal(err)
				}
				got, err := again.History()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(model, got); diff != "" {
					t.Fatal(diff)
				}
			}
		}
	})
}

func TestPinnedAndModelSurviveTrimAndClear(t *testing.T) {
	s := load(t, nil, nil)
	s.Pin("fact")
	s.SetModel("fast", "admin")
	s.Append(turn(1, 1000))
	fields, log := apply(nil, nil, s.Changes())
	s = load(t, fields, log)
	s.Clear()
	fields, log = apply(fields, log, s.Changes())
	s = load(t, fields, log)
	if h, _ := s.History(); len(h) != 0 || !slices.Equal(s.Pinned(), []string{"fact"}) || s.Model() != "fast" {
		t.Errorf("%v %v %q", h, s.Pinned(), s.Model())
	}
}

func TestHeardIsBoundedAndTakenOnce(t *testing.T) {
	s := load(t, nil, nil)
	for i := range 10 {
		s.Hear(session.Line{Text: fmt.Sprint(i)}, 3)
	}
	s.Hear(session.Line{Text: strings.Repeat("é", 1000)}, 3)
	s.Hear(session.Line{}, 3)
	fields, log := apply(nil, nil, s.Changes())
	s = load(t, fields, log)
	heard := s.TakeHeard()
	if len(heard) != 3 || heard[0].Text != "8" || len(heard[2].Text) > 510 {
		t.Fatalf("%v", heard)
	}
	fields, log = apply(fields, log, s.Changes())
	if again := load(t, fields, log).TakeHeard(); again != nil {
		t.Errorf("heard twice: %v", again)
	}
}

func TestAbsorbedIsBounded(t *testing.T) {
	s := load(t, nil, nil)
	for i := range 200 {
		s.Absorb(core.EnvelopeID(fmt.Sprint(i)))
	}
	if s.Absorbed("0") || !s.Absorbed("199") {
		t.Error("the newest are remembered, the oldest are not")
	}
}

func TestUnknownFormsAreRefused(t *testing.T) {
	for _, fields := range []map[string][]byte{{"v": []byte("99")}, {"model": []byte("{")}} {
		if _, err := session.Load(fields, nil, nil); !errors.Is(err, session.ErrSchema) {
			t.Errorf("%s: %v", fields, err)
		}
	}
	for _, entry := range []string{"{", `{"v":99}`, `{}`} {
		s := load(t, nil, [][]byte{[]byte(entry)})
		if _, err := s.History(); !errors.Is(err, session.ErrSchema) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}
