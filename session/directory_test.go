package session_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

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

func (s *shelf) Since(context.Context, session.Mark) (out []session.Link, all bool, now session.Mark, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, person := range s.links {
		out = append(out, session.Link{Base: base, Person: person})
	}
	return out, true, session.Mark{}, s.err
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
	d, err := session.NewLinked(t.Context(), s, false)
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
}

// logbook keeps links as a store does that several processes share.
type logbook struct {
	mu      sync.Mutex
	mark    session.Mark
	persons map[core.PersonID]core.PersonID
	changed map[core.PersonID]int64
	err     error
	looks   int
	// hold keeps looks waiting until it is closed; nil for not. began tells of each look.
	hold, began chan struct{}
}

func newLogbook() *logbook {
	return &logbook{
		mark: session.Mark{Life: 1}, persons: map[core.PersonID]core.PersonID{}, changed: map[core.PersonID]int64{},
		began: make(chan struct{}, 100),
	}
}

func (b *logbook) Since(ctx context.Context, since session.Mark) ([]session.Link, bool, session.Mark, error) {
	b.mu.Lock()
	hold := b.hold
	b.mu.Unlock()
	b.began <- struct{}{}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, false, session.Mark{}, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	all := since.Life != b.mark.Life || since.Version > b.mark.Version
	var out []session.Link
	for base, version := range b.changed {
		if all || version >= since.Version {
			out = append(out, session.Link{Base: base, Person: b.persons[base]})
		}
	}
	return out, all, b.mark, b.err
}

// link says who somebody is now; nobody for no link.
func (b *logbook) link(base, person core.PersonID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mark.Version++
	b.changed[base], b.persons[base] = b.mark.Version, person
}

func newShared(t *testing.T, b *logbook) *session.Linked {
	t.Helper()
	d, err := session.NewLinked(t.Context(), b, true)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What another process changed holds for the next question, also when the store stepped
// back, or is another one.
func TestSharedLinksAreThoseOfNow(t *testing.T) {
	ids := []core.PersonID{"a", "b", "c", "d"}
	rapid.Check(t, func(rt *rapid.T) {
		b := newLogbook()
		d, err := session.NewLinked(rt.Context(), b, true)
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "changes") {
			b.began = make(chan struct{}, 100)
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0: // another server, with less than was known
				b.mark.Life, b.mark.Version = b.mark.Life+1, 1
				b.persons, b.changed = map[core.PersonID]core.PersonID{"a": "b"}, map[core.PersonID]int64{"a": 1}
			case 1: // this process changes
				err := d.Change(rt.Context(), func(context.Context) (session.Delta, error) {
					b.link("a", "d")
					return session.Delta{}, nil
				})
				if err != nil {
					rt.Fatal(err)
				}
			default:
				for range rapid.IntRange(0, 3).Draw(rt, "links") {
					b.link(rapid.SampledFrom(ids).Draw(rt, "base"), rapid.SampledFrom(append(ids, "")).Draw(rt, "person"))
				}
			}
			for _, base := range ids {
				want := b.persons[base]
				if want == "" {
					want = base
				}
				if got, err := d.Person(rt.Context(), base); err != nil || got != want {
					rt.Fatalf("%s is %s, %v; want %s", base, got, err, want)
				}
				alive := b.persons[base] == "" || slices.Contains(slices.Collect(maps.Values(b.persons)), base)
				if got, err := d.Lives(rt.Context(), base); err != nil || got != alive {
					rt.Fatalf("%s lives: %v, %v; want %v", base, got, err, alive)
				}
			}
		}
	})
}

// A look at the store answers all who asked before it began, and nobody who asked later.
func TestOneLookForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newLogbook()
		d := newShared(t, b)
		<-b.began
		b.hold = make(chan struct{})
		ask := func() chan core.PersonID {
			out := make(chan core.PersonID, 1)
			go func() {
				person, err := d.PersonOf(t.Context(), ada)
				if err != nil {
					t.Error(err)
				}
				out <- person
			}()
			return out
		}
		first := ask()
		<-b.began // the first look is under way
		const many = 50
		var later []chan core.PersonID
		for range many {
			later = append(later, ask())
		}
		synctest.Wait()
		b.link(ada.Person(), "p")
		close(b.hold)
		<-first
		for _, answer := range later {
			if person := <-answer; person != "p" {
				t.Errorf("asked behind the change: %s", person)
			}
		}
		if b.looks != 3 { // with the one at the start
			t.Errorf("%d looks", b.looks)
		}
	})
}

// A store that does not answer fails those who wait, and answers again when it can;
// what was known is still there for a guess.
func TestSharedLinksOfASilentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newLogbook()
		b.link(ada.Person(), "p")
		d := newShared(t, b)
		b.hold = make(chan struct{})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if person, err := d.PersonOf(t.Context(), ada); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("PersonOf = %s, %v", person, err)
				}
			})
		}
		group.Wait()
		if person := d.Guess(ada); person != "p" {
			t.Errorf("Guess = %s", person)
		}
		b.hold = nil
		b.link(ada.Person(), "")
		if person, err := d.PersonOf(t.Context(), ada); err != nil || person != ada.Person() {
			t.Errorf("PersonOf = %s, %v", person, err)
		}
	})
}
