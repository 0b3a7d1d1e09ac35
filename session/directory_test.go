package session_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

// shelf keeps links as a store would.
type shelf struct {
	mu    sync.Mutex
	links map[core.PersonID]core.PersonID
	err   error
}

func (s *shelf) All(context.Context) ([]session.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []session.Link
	for base, person := range s.links {
		out = append(out, session.Link{Base: base, Person: person})
	}
	return out, s.err
}

func (s *shelf) set(d session.Delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range d.Set {
		s.links[l.Base] = l.Person
	}
	for _, base := range d.Removed {
		delete(s.links, base)
	}
}

func newLinked(t *testing.T) (*session.Linked, *shelf) {
	t.Helper()
	s := &shelf{links: map[core.PersonID]core.PersonID{}}
	d, err := session.NewLinked(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return d, s
}

// Whatever changes, the directory says what a look into the store would say.
func TestLinkedIsWhatIsStored(t *testing.T) {
	ids := []core.PersonID{"a", "b", "c", "d"}
	rapid.Check(t, func(rt *rapid.T) {
		d, s := newLinked(t)
		for range rapid.IntRange(1, 30).Draw(rt, "changes") {
			id := func(label string) core.PersonID { return rapid.SampledFrom(ids).Draw(rt, label) }
			var delta session.Delta
			if rapid.Bool().Draw(rt, "set?") {
				delta.Set = []session.Link{{Base: id("base"), Person: id("person")}}
			} else {
				delta.Removed = []core.PersonID{id("removed")}
			}
			lost := errors.New("no answer")
			fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
			err := d.Change(rt.Context(), func(context.Context) (session.Delta, error) {
				s.set(delta)
				if fails {
					return session.Delta{}, lost // stored all the same
				}
				return delta, nil
			})
			if fails != errors.Is(err, lost) {
				rt.Fatal(err)
			}
			for _, base := range ids {
				want, linked := s.links[base]
				if !linked {
					want = base
				}
				if got, err := d.Person(rt.Context(), base); err != nil || got != want {
					rt.Fatalf("%s is %s, %v; want %s", base, got, err, want)
				}
				alive := !linked || slices.Contains(slices.Collect(maps.Values(s.links)), base)
				if got, err := d.Lives(rt.Context(), base); err != nil || got != alive {
					rt.Fatalf("%s lives: %v, %v; want %v", base, got, err, alive)
				}
			}
		}
	})
}

// After a change whose outcome nobody knows, the directory says nothing until it
// could look.
func TestLinkedIsNeverStale(t *testing.T) {
	d, s := newLinked(t)
	broken := errors.New("broken")
	err := d.Change(t.Context(), func(context.Context) (session.Delta, error) {
		s.set(session.Delta{Set: []session.Link{{Base: ada.Person(), Person: "p"}}})
		s.err = broken
		return session.Delta{}, errors.New("lost")
	})
	if err == nil {
		t.Fatal("the change succeeded")
	}
	if person, err := d.PersonOf(t.Context(), ada); !errors.Is(err, broken) {
		t.Errorf("PersonOf = %v, %v", person, err)
	}
	if _, err := d.Lives(t.Context(), "p"); !errors.Is(err, broken) {
		t.Errorf("Lives = %v", err)
	}
	s.err = nil
	if person, err := d.PersonOf(t.Context(), ada); err != nil || person != "p" {
		t.Errorf("PersonOf = %v, %v", person, err)
	}
	s.set(session.Delta{Removed: []core.PersonID{ada.Person()}})
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if person, err := d.PersonOf(t.Context(), ada); err != nil || person != ada.Person() {
		t.Errorf("after a change on another node: %v, %v", person, err)
	}
}

func TestUnlinked(t *testing.T) {
	var d session.Unlinked
	if person, err := d.PersonOf(t.Context(), ada); err != nil || person != ada.Person() {
		t.Errorf("PersonOf = %v, %v", person, err)
	}
	if lives, err := d.Lives(t.Context(), "anybody"); err != nil || !lives {
		t.Errorf("Lives = %v, %v", lives, err)
	}
}
