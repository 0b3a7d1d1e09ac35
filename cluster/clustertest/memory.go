package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Memory proves the contract of cluster.Memory. open gives nodes that share one memory, as
// many as they are; an engine for one node gives it twice.
func Memory(t *testing.T, open func(t *testing.T) (a, b cluster.Memory)) {
	t.Helper()
	for name, run := range map[string]func(*testing.T, cluster.Memory, cluster.Memory){
		"Kept": kept, "EachNoteIsItsOwn": eachItsOwn, "Forgotten": forgotten, "MarksMoveForward": forward,
		"MarksAndValue": marksAndValue, "OneWins": oneWins, "Misuse": misusedNotes, "ContextEnds": noteContext,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			run(t, a, b)
		})
	}
}

const day = 24 * time.Hour

func noteOf(key string) core.Note { return core.Note{Account: "sl", Kind: "test", Key: key} }

func put(t *testing.T, m cluster.Memory, n core.Note, value string, ttl time.Duration) {
	t.Helper()
	if err := m.Put(t.Context(), n, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

// holds fails unless a note is there with this value; "-" is for none.
func holds(t *testing.T, m cluster.Memory, n core.Note, want string) {
	t.Helper()
	value, ok, err := m.Get(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(value); ok && got != want || !ok && (want != "-" || got != "") {
		t.Errorf("%v holds %q, %v; want %q", n, got, ok, want)
	}
}

func advance(t *testing.T, m cluster.Memory, n core.Note, name string, rank int, value string) ([]core.Mark, bool) {
	t.Helper()
	all, moved, err := m.Advance(t.Context(), n, core.Mark{Name: name, Rank: rank, Value: []byte(value)}, day)
	if err != nil {
		t.Fatal(err)
	}
	return all, moved
}

// marked fails unless the marks are these, as name:rank:value.
func marked(t *testing.T, all []core.Mark, want ...string) {
	t.Helper()
	var got []string
	for _, m := range all {
		got = append(got, fmt.Sprintf("%s:%d:%s", m.Name, m.Rank, m.Value))
		if m.Age < 0 || m.Age > time.Minute {
			t.Errorf("the mark %s has an age of %v", m.Name, m.Age)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("marks %q, want %q", got, want)
	}
}

// kept: what one node puts the other one gets, byte for byte, the last of it.
func kept(t *testing.T, a, b cluster.Memory) {
	n := noteOf("k")
	holds(t, a, n, "-")
	everything := string(bytes.Repeat([]byte("\x00\r\n\xff,:{}"), cluster.MaxNote/8))
	for _, value := range []string{"one", "", everything, "two"} {
		put(t, a, n, value, day)
		holds(t, b, n, value)
	}
	if err := b.Delete(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	holds(t, a, n, "-")
	if err := b.Delete(t.Context(), n); err != nil {
		t.Errorf("what is not there cannot be deleted: %v", err)
	}
	value := []byte("mine")
	if err := a.Put(t.Context(), n, value, day); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	holds(t, a, n, "mine")
}

// eachItsOwn: names are never glued together.
func eachItsOwn(t *testing.T, a, b cluster.Memory) {
	notes := []core.Note{
		{Account: "a", Kind: "b", Key: "c"}, {Account: "ab", Kind: "b", Key: "c"}, {Account: "a", Kind: "bb", Key: "c"},
		{Account: "a", Kind: "b", Key: "bc"}, {Account: "a", Kind: "b", Key: "{c}:d/ \n"}, {Account: "a:b", Kind: "b", Key: "c"},
	}
	for i, n := range notes {
		put(t, a, n, fmt.Sprint(i), day)
	}
	for i, n := range notes {
		holds(t, b, n, fmt.Sprint(i))
	}
}

// forgotten: a note is gone when its time is over, and a mark makes it stay.
func forgotten(t *testing.T, a, b cluster.Memory) {
	gone, stays := noteOf("gone"), noteOf("stays")
	put(t, a, gone, "x", 30*time.Millisecond)
	put(t, a, stays, "x", 30*time.Millisecond)
	advance(t, b, stays, "m", 0, "")
	eventually(t, "the note is forgotten", func() bool {
		_, ok, err := b.Get(t.Context(), gone)
		return err == nil && !ok
	})
	if _, moved := advance(t, b, gone, "m", 0, ""); !moved {
		t.Error("a forgotten note has a mark")
	}
	marks, moved := advance(t, a, stays, "m", 0, "again")
	if moved {
		t.Error("the note did not stay for its mark")
	}
	marked(t, marks, "m:0:")
}

// forward: a higher rank wins, else the first; each name by itself.
func forward(t *testing.T, a, b cluster.Memory) {
	n := noteOf("k")
	for i, step := range []struct {
		node  cluster.Memory
		name  string
		rank  int
		value string
		moved bool
		want  []string
	}{
		{a, "x", 1, "first", true, []string{"x:1:first"}},
		{b, "x", 1, "second", false, []string{"x:1:first"}},
		{b, "y", 0, "a,b,c", true, []string{"x:1:first", "y:0:a,b,c"}},
		{a, "x", 0, "late", false, []string{"x:1:first", "y:0:a,b,c"}},
		{b, "x", 10, "third", true, []string{"x:10:third", "y:0:a,b,c"}},
		{a, "x", 9, "late", false, []string{"x:10:third", "y:0:a,b,c"}},
		{a, "y", -1, "late", false, []string{"x:10:third", "y:0:a,b,c"}},
		{a, "", 0, "\x00", true, []string{":0:\x00", "x:10:third", "y:0:a,b,c"}},
	} {
		all, moved := advance(t, step.node, n, step.name, step.rank, step.value)
		if moved != step.moved {
			t.Errorf("step %d: moved %v", i+1, moved)
		}
		marked(t, all, step.want...)
	}
	var before time.Duration
	eventually(t, "the mark grows old", func() bool {
		all, _ := advance(t, b, n, "x", 0, "")
		age := all[slices.IndexFunc(all, func(m core.Mark) bool { return m.Name == "x" })].Age
		if age < before {
			t.Errorf("the mark was %v old and is %v now", before, age)
		}
		before = age
		return age >= 20*time.Millisecond
	})
}

// marksAndValue: a new value begins anew, a mark leaves the value alone.
func marksAndValue(t *testing.T, a, b cluster.Memory) {
	n := noteOf("k")
	advance(t, a, n, "m", 5, "x")
	holds(t, b, n, "-")
	put(t, b, n, "value", day)
	all, moved := advance(t, a, n, "m", 1, "y")
	if !moved {
		t.Error("a mark outlived a new value")
	}
	marked(t, all, "m:1:y")
	holds(t, a, n, "value")
	if err := a.Delete(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	holds(t, b, n, "-")
	if _, moved := advance(t, b, n, "m", 0, "z"); !moved {
		t.Error("a mark outlived its note")
	}
}

// oneWins: of many who make the same mark one does, and all are told who.
func oneWins(t *testing.T, a, b cluster.Memory) {
	const many = 16
	var winners atomic.Int32
	var work sync.WaitGroup
	seen := make([]string, many)
	for i := range many {
		node := a
		if i%2 == 1 {
			node = b
		}
		work.Go(func() {
			all, moved, err := node.Advance(t.Context(), noteOf("k"), core.Mark{Name: "m", Value: fmt.Append(nil, i)}, day)
			if err != nil || len(all) != 1 {
				t.Errorf("%v, %v", all, err)
				return
			}
			if seen[i] = string(all[0].Value); moved {
				winners.Add(1)
			}
		})
	}
	work.Wait()
	if winners.Load() != 1 || len(slices.Compact(seen)) != 1 {
		t.Errorf("%d won; seen %q", winners.Load(), seen)
	}
}

func misusedNotes(t *testing.T, m, _ cluster.Memory) {
	good := noteOf("k")
	for name, try := range map[string]func() error{
		"no account":   func() error { return m.Put(t.Context(), core.Note{Kind: "k", Key: "k"}, nil, day) },
		"no kind":      func() error { return m.Delete(t.Context(), core.Note{Account: "a", Key: "k"}) },
		"odd kind":     func() error { return m.Put(t.Context(), core.Note{Account: "a", Kind: "{}", Key: "k"}, nil, day) },
		"no key":       func() error { _, _, err := m.Get(t.Context(), core.Note{Account: "a", Kind: "k"}); return err },
		"too long":     func() error { return m.Put(t.Context(), good, make([]byte, cluster.MaxNote+1), day) },
		"for ever":     func() error { return m.Put(t.Context(), good, nil, 0) },
		"too far":      func() error { return m.Put(t.Context(), good, nil, cluster.MaxNoteLife+1) },
		"mark too far": func() error { _, _, err := m.Advance(t.Context(), good, core.Mark{}, 3*day); return err },
	} {
		if err := try(); fault.ClassOf(err) != fault.Bug {
			t.Errorf("%s: %v", name, err)
		}
	}
	holds(t, m, good, "-")
}

// noteContext: nobody waits longer than they wanted to.
func noteContext(t *testing.T, m, _ cluster.Memory) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"put":    m.Put(ctx, noteOf("k"), nil, day),
		"delete": m.Delete(ctx, noteOf("k")),
		"get":    func() error { _, _, err := m.Get(ctx, noteOf("k")); return err }(),
	} {
		if fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not in time: %s", what)
		}
	}
}
