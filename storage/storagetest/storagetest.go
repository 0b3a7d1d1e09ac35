// Package storagetest proves that a store of what skills keep has the contract of package
// storage.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/storage"
)

// plenty is a quota that nothing here uses up.
const plenty = 8 << 20

// Run proves the contract for the stores that open gives, each time two that share what is
// kept, which is nothing yet; an engine for one process gives one twice.
func Run(t *testing.T, open func(t *testing.T) (a, b storage.Store)) {
	t.Helper()
	for name, run := range map[string]func(*testing.T, storage.Store, storage.Store){
		"Kept": kept, "SpacesAreApart": apart, "Conditions": conditions, "Quota": quota, "Names": names,
		"Refused": refused, "Moved": moved, "Forgotten": forgotten, "Exported": exported, "OneSwapWins": oneWins, "ContextEnds": contextEnds,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			run(t, a, b)
		})
	}
}

var (
	own   = storage.Space{Skill: "notes"}
	anna  = storage.Space{Skill: "notes", Person: "panna"}
	other = storage.Space{Skill: "poll", Person: "panna"}
)

func put(t *testing.T, s storage.Store, sp storage.Space, name, value string) {
	t.Helper()
	if done, err := s.Put(t.Context(), storage.Write{Space: sp, Name: name, Value: []byte(value), Quota: plenty}); !done || err != nil {
		t.Fatalf("put %v %s: %v, %v", sp, name, done, err)
	}
}

// holds fails unless the entry is this; "-" is for none.
func holds(t *testing.T, s storage.Store, sp storage.Space, name, want string) {
	t.Helper()
	value, ok, err := s.Get(t.Context(), sp, name)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		value = []byte("-")
	}
	if string(value) != want {
		t.Errorf("%v %s is %.40q, want %.40q", sp, name, value, want)
	}
}

func kept(t *testing.T, a, b storage.Store) {
	holds(t, a, own, "x", "-")
	for _, value := range []string{"one", "", "a\x00b\xff", strings.Repeat("v", storage.MaxValue)} {
		put(t, a, own, "x", value)
		holds(t, b, own, "x", value)
	}
	for range 2 {
		if done, err := b.Put(t.Context(), storage.Write{Space: own, Name: "x"}); !done || err != nil {
			t.Fatalf("delete: %v, %v", done, err)
		}
		holds(t, a, own, "x", "-")
	}
}

func apart(t *testing.T, a, b storage.Store) {
	for i, sp := range []storage.Space{own, anna, other, {Skill: "poll"}, {Skill: "notes", Person: "pbert"}} {
		put(t, a, sp, "x", fmt.Sprint(i))
	}
	for i, sp := range []storage.Space{own, anna, other, {Skill: "poll"}, {Skill: "notes", Person: "pbert"}} {
		holds(t, b, sp, "x", fmt.Sprint(i))
	}
}

func conditions(t *testing.T, a, b storage.Store) {
	swap := func(was, value []byte, want bool) {
		t.Helper()
		done, err := a.Put(t.Context(), storage.Write{Space: own, Name: "x", Value: value, Quota: plenty, If: true, Was: was})
		if done != want || err != nil {
			t.Errorf("%q to %q: %v, %v", was, value, done, err)
		}
	}
	swap([]byte("a"), []byte("b"), false)
	holds(t, b, own, "x", "-")
	swap([]byte{}, []byte("b"), false)
	swap(nil, nil, true)
	swap(nil, []byte{}, true)
	holds(t, b, own, "x", "")
	swap(nil, []byte("b"), false)
	swap([]byte{}, []byte("b"), true)
	swap([]byte("b"), nil, true)
	holds(t, b, own, "x", "-")
}

func quota(t *testing.T, a, b storage.Store) {
	try := func(s storage.Store, sp storage.Space, name, value string, quota int64, want bool) {
		t.Helper()
		w := storage.Write{Space: sp, Name: name, Value: []byte(value), Quota: quota}
		if value == "" {
			w.Value = nil
		}
		done, err := s.Put(t.Context(), w)
		if done != want || want != (err == nil) || !want && (!errors.Is(err, storage.ErrFull) || fault.ClassOf(err) != fault.Permanent) {
			t.Errorf("%s with %d bytes in %d: %v, %v", name, len(value), quota, done, err)
		}
	}
	try(a, own, "k1", "12345678", 20, true) // 10 bytes
	try(b, own, "k2", "12345678", 20, true) // 20
	try(a, own, "k3", "1", 20, false)
	try(a, anna, "k3", "12345678", 20, true) // a space of its own
	try(a, own, "k1", "123456789", 20, false)
	try(b, own, "k1", "1234", 20, true) // 16
	try(a, own, "k3", "12", 20, true)   // 20
	try(a, own, "k3", "", 20, true)     // 16
	try(a, own, "k4", "123", 20, false)
	try(a, own, "k2", "12", 5, true) // a smaller quota lets it shrink: 10
	try(a, own, "k2", "123", 5, false)
	try(a, own, "k1", "", 0, true)
	try(a, own, "k2", "", 0, true)
	try(b, own, "é", strings.Repeat("x", 18), 20, true) // bytes, not characters
	try(b, own, "z", "", 20, true)
	holds(t, a, own, "k1", "-")
}

func names(t *testing.T, a, b storage.Store) {
	for _, n := range []string{"b/2", "a", "b/1", "b", "Z", "é"} {
		put(t, a, own, n, "x")
	}
	put(t, a, anna, "c", "x")
	for prefix, want := range map[string][]string{"": {"Z", "a", "b", "b/1", "b/2", "é"}, "b/": {"b/1", "b/2"}, "x": nil} {
		got, err := b.Names(t.Context(), own, prefix)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", prefix, err, diff)
		}
	}
}

func refused(t *testing.T, a, _ storage.Store) {
	for _, c := range []struct {
		space storage.Space
		name  string
		size  int
		want  error
		class fault.Class
	}{
		{own, "", 1, storage.ErrName, fault.Permanent},
		{own, strings.Repeat("n", storage.MaxName+1), 1, storage.ErrName, fault.Permanent},
		{own, "a\xff", 1, storage.ErrName, fault.Permanent},
		{own, "a", storage.MaxValue + 1, storage.ErrValue, fault.Permanent},
		{storage.Space{Person: "p"}, "a", 1, storage.ErrSpace, fault.Bug},
	} {
		_, err := a.Put(t.Context(), storage.Write{Space: c.space, Name: c.name, Value: make([]byte, c.size), Quota: plenty})
		if !errors.Is(err, c.want) || fault.ClassOf(err) != c.class {
			t.Errorf("%v %.20q: %v, want %v", c.space, c.name, err, c.want)
		}
	}
}

func moved(t *testing.T, a, b storage.Store) {
	bert := storage.Space{Skill: "notes", Person: "pbert"}
	put(t, a, anna, "both", "anna's")
	put(t, a, anna, "mine", "1")
	put(t, a, other, "votes", "2")
	put(t, a, bert, "both", "bert's")
	put(t, a, own, "both", "the skill's")
	for range 2 { // the same again is harmless
		if err := b.Move(t.Context(), anna.Person, bert.Person); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, a, bert, "both", "bert's")
	holds(t, a, bert, "mine", "1")
	holds(t, a, storage.Space{Skill: "poll", Person: bert.Person}, "votes", "2")
	holds(t, a, own, "both", "the skill's")
	for _, sp := range []storage.Space{anna, other} {
		if left, err := a.Names(t.Context(), sp, ""); len(left) > 0 || err != nil {
			t.Errorf("%v: %v, %v", sp, left, err)
		}
	}
	// What came counts: "both" and "mine" have 15 bytes with their values.
	_, err := a.Put(t.Context(), storage.Write{Space: bert, Name: "new", Value: []byte("x"), Quota: 18})
	if !errors.Is(err, storage.ErrFull) {
		t.Errorf("what was moved does not count: %v", err)
	}
	if done, err := a.Put(t.Context(), storage.Write{Space: bert, Name: "new", Value: []byte("x"), Quota: 19}); !done || err != nil {
		t.Errorf("what was moved counts twice: %v, %v", done, err)
	}
	for _, same := range []core.PersonID{bert.Person, ""} {
		if err := a.Move(t.Context(), same, bert.Person); err != nil {
			t.Error(err)
		}
	}
	holds(t, a, bert, "mine", "1")
}

func forgotten(t *testing.T, a, b storage.Store) {
	put(t, a, anna, "x", "1")
	put(t, a, anna, "y", "2")
	put(t, b, other, "x", "3")
	put(t, a, own, "x", "4")
	for _, want := range []int{3, 0} {
		if n, err := b.Forget(t.Context(), anna.Person); n != want || err != nil {
			t.Errorf("%d forgotten, %v; want %d", n, err, want)
		}
	}
	if n, err := b.Forget(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("nobody: %d, %v", n, err)
	}
	holds(t, a, anna, "x", "-")
	holds(t, a, other, "x", "-")
	holds(t, a, own, "x", "4")
	if done, err := a.Put(t.Context(), storage.Write{Space: anna, Name: "x", Value: []byte("12345"), Quota: 6}); !done || err != nil {
		t.Errorf("what was forgotten still counts: %v, %v", done, err)
	}
}

func exported(t *testing.T, a, b storage.Store) {
	put(t, a, other, "x", "3")
	put(t, a, anna, "y", "2")
	put(t, a, anna, "x", "1")
	put(t, a, own, "x", "4")
	var got []storage.Entry
	err := b.Export(t.Context(), anna.Person, func(e storage.Entry) error {
		got = append(got, e)
		return nil
	})
	want := []storage.Entry{{Skill: "notes", Name: "x", Value: []byte("1")}, {Skill: "notes", Name: "y", Value: []byte("2")}, {Skill: "poll", Name: "x", Value: []byte("3")}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	stop := errors.New("stop")
	if err := b.Export(t.Context(), anna.Person, func(storage.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error is %v", err)
	}
	if err := b.Export(t.Context(), "", func(storage.Entry) error { return stop }); err != nil {
		t.Errorf("nobody: %v", err)
	}
}

// oneWins: of those who swap the same value at once, one does.
func oneWins(t *testing.T, a, b storage.Store) {
	for round := range 10 {
		name := fmt.Sprint(round)
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			s := []storage.Store{a, b}[i%2]
			all.Go(func() {
				done, err := s.Put(t.Context(), storage.Write{Space: own, Name: name, Value: []byte(fmt.Sprint(i)), Quota: plenty, If: true})
				if err != nil {
					t.Error(err)
				}
				if done {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 8 won", won.Load())
		}
	}
}

func contextEnds(t *testing.T, a, _ storage.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Put(ctx, storage.Write{Space: own, Name: "x", Value: []byte("1"), Quota: plenty})
	if fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("a write whose context ended: %v", err)
	}
}
