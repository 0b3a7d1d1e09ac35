package session_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

// memory is what a session made of some turns.
func memory(change func(s *session.Session)) (map[string][]byte, [][]byte) {
	s, err := session.Load(nil, nil, nil)
	if err != nil {
		panic(err)
	}
	change(s)
	return s.Changes().Apply(nil, nil)
}

// Merging loses nothing, keeps each history's own order, and puts them in the order
// of time, whatever is in them.
func TestMergeByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (log [][]byte) {
			for i := range rapid.IntRange(0, 8).Draw(t, name) {
				switch rapid.IntRange(0, 5).Draw(t, "kind") {
				case 0:
					log = append(log, fmt.Appendf(nil, "unreadable %s %d", name, i))
				case 1:
					log = append(log, fmt.Appendf(nil, `{"v":99,"at":"2026-11-20T10:%02d:00Z","id":"%s%d"}`,
						rapid.IntRange(0, 59).Draw(t, "minute"), name, i))
				default:
					_, entry := memory(func(s *session.Session) {
						s.Append(session.Turn{ID: core.EnvelopeID(fmt.Sprint(name, i)), At: at(rapid.IntRange(0, 59).Draw(t, "minute"))})
					})
					log = append(log, entry...)
				}
			}
			return log
		}
		own, other := draw("own"), draw("other")
		c := session.Merge(nil, own, nil, other)
		_, merged := c.Apply(nil, own)

		in := func(log [][]byte) func([]byte) bool {
			return func(e []byte) bool {
				return slices.ContainsFunc(log, func(x []byte) bool { return string(x) == string(e) })
			}
		}
		of := func(log [][]byte) (out []string) {
			keep := in(log)
			for _, e := range merged {
				if keep(e) {
					out = append(out, string(e))
				}
			}
			return out
		}
		texts := func(log [][]byte) (out []string) {
			for _, e := range log {
				out = append(out, string(e))
			}
			return out
		}
		if len(merged) != len(own)+len(other) {
			t.Fatalf("%d entries of %d and %d", len(merged), len(own), len(other))
		}
		if diff := cmp.Diff(texts(own), of(own)); diff != "" {
			t.Fatalf("own order:\n%s", diff)
		}
		if diff := cmp.Diff(texts(other), of(other)); diff != "" {
			t.Fatalf("the other's order:\n%s", diff)
		}
		// No entry stands behind one of the other history that is later than all before it.
		ordered(t, own, merged)
		ordered(t, other, merged)
	})
}

// ordered checks a merged history against the clock: where both readable entries
// never went back, neighbours are in order.
func ordered(t *rapid.T, log, merged [][]byte) {
	times := func(log [][]byte) (out []time.Time, readable bool) {
		for _, e := range log {
			var w struct{ At time.Time }
			if json.Unmarshal(e, &w) != nil || len(out) > 0 && w.At.Before(out[len(out)-1]) {
				return nil, false
			}
			out = append(out, w.At)
		}
		return out, true
	}
	if _, tidy := times(log); !tidy {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(merged), func(e []byte) bool {
		return slices.ContainsFunc(log, func(x []byte) bool { return string(x) == string(e) })
	})
	if _, tidy := times(rest); !tidy {
		return
	}
	if _, tidy := times(merged); !tidy {
		t.Fatalf("not in the order of time: %q", merged)
	}
}

// Merging many memories one after the other gives the same history in any order.
func TestMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const people = 4
		var parts [people][][]byte
		minute := 0
		for range rapid.IntRange(0, 20).Draw(t, "turns") {
			who := rapid.IntRange(0, people-1).Draw(t, "who")
			_, entry := memory(func(s *session.Session) {
				s.Append(session.Turn{ID: core.EnvelopeID(fmt.Sprint(minute)), At: at(minute)})
			})
			parts[who] = append(parts[who], entry...)
			minute++
		}
		var log [][]byte
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order") {
			_, log = session.Merge(nil, log, nil, parts[i]).Apply(nil, log)
		}
		s, err := session.Load(nil, log, nil)
		if err != nil {
			t.Fatal(err)
		}
		history, err := s.History()
		if err != nil {
			t.Fatal(err)
		}
		if len(history) != minute {
			t.Fatalf("%d turns of %d", len(history), minute)
		}
		for i, turn := range history {
			if turn.ID != core.EnvelopeID(fmt.Sprint(i)) {
				t.Fatalf("turn %d is %s", i, turn.ID)
			}
		}
	})
}

func TestMergeFields(t *testing.T) {
	ownFields, ownLog := memory(func(s *session.Session) {
		s.Pin("tea")
		s.Pin("both")
		s.SetModel("own", "admin")
		s.Absorb("o")
		s.Append(turn(2, 1))
	})
	otherFields, otherLog := memory(func(s *session.Session) {
		s.Pin("both")
		s.Pin("coffee")
		s.SetModel("other", "admin")
		s.Absorb("t")
		s.Hear(session.Line{Text: "by the way"}, 3)
		s.Append(turn(1, 1))
	})
	otherFields["newer"] = []byte("unreadable")
	ownFields["broken"], otherFields["broken"] = []byte("own"), []byte("other")

	fields, log := session.Merge(ownFields, ownLog, otherFields, otherLog).Apply(ownFields, ownLog)
	s := load(t, fields, log)
	if diff := cmp.Diff([]string{"both", "coffee", "tea"}, s.Pinned()); diff != "" {
		t.Error(diff)
	}
	if s.Model() != "own" || !s.Absorbed("o") || !s.Absorbed("t") || len(s.TakeHeard()) != 1 {
		t.Errorf("model %q, fields %s", s.Model(), fields)
	}
	if string(fields["newer"]) != "unreadable" || string(fields["broken"]) != "own" {
		t.Errorf("what cannot be read: %s", fields)
	}
	if h, err := s.History(); err != nil || len(h) != 2 || h[0].ID != "1" {
		t.Errorf("%v %v", h, err)
	}
	// Without a choice of its own, the mailbox takes the other's.
	fields, log = session.Merge(nil, nil, otherFields, otherLog).Apply(nil, nil)
	if s := load(t, fields, log); s.Model() != "other" || len(log) != 1 {
		t.Errorf("into an empty memory: %q, %d", s.Model(), len(log))
	}
	// What is nobody's list stays own's.
	ownFields["pinned"] = []byte("{")
	if c := session.Merge(ownFields, nil, otherFields, nil); c.Set["pinned"] != nil {
		t.Errorf("an unreadable field was replaced by %s", c.Set["pinned"])
	}
}

func TestForgetLeavesNothing(t *testing.T) {
	fields, log := memory(func(s *session.Session) {
		s.Pin("fact")
		s.SetModel("fast", "admin")
		s.Absorb("e")
		s.Hear(session.Line{Text: "x"}, 3)
		s.Append(turn(1, 1))
	})
	fields["later"] = []byte(`"a field of a newer build"`)
	s := load(t, fields, log)
	s.Append(turn(2, 1))
	s.Pin("another")
	s.Forget()
	fields, log = s.Changes().Apply(fields, log)
	s = load(t, fields, log)
	if len(log) > 0 || len(fields) != 2 || !s.Absorbed("e") || len(s.Pinned()) > 0 || s.Model() != "" {
		t.Errorf("%s %s", fields, log)
	}
}

func TestViaIsRemembered(t *testing.T) {
	_, log := memory(func(s *session.Session) { s.Append(session.Turn{ID: "1", At: at(1), Via: "home"}) })
	h, err := load(t, nil, log).History()
	if err != nil || h[0].Via != "home" {
		t.Errorf("%v %v", h, err)
	}
}
