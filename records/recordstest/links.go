package recordstest

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

func rerunsChangeNothing(t *testing.T, d *desk) {
	issue := d.cause(who(1))
	first, err := d.Issue(t.Context(), issue, who(1))
	must(t, first, err)
	again, err := d.Issue(t.Context(), issue, who(1))
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("Issue again: %v\n%s", err, diff)
	}
	redeem := d.cause(who(2))
	linked, err := d.Redeem(t.Context(), redeem, first.Code, who(2))
	must(t, linked, err)
	d.unlink(1, records.Choice{Place: 1})
	before, err := d.Links(t.Context())
	must(t, before, err)
	rerun, err := d.Redeem(t.Context(), redeem, first.Code, who(2))
	if len(linked.Delta.Set) != 2 || len(rerun.Delta.Set)+len(rerun.Delta.Removed) > 0 {
		t.Errorf("deltas: %+v, then %+v", linked.Delta, rerun.Delta)
	}
	linked.Delta = records.Delta{}
	if diff := cmp.Diff(linked, rerun); diff != "" || err != nil {
		t.Errorf("Redeem again: %v\n%s", err, diff)
	}
	d.link(2, 3)
	d.link(2, 4)
	part := d.cause(who(2))
	parted, err := d.Unlink(t.Context(), part, who(2).Base(), records.Choice{Place: 2})
	must(t, parted, err)
	same, err := d.Unlink(t.Context(), part, who(2).Base(), records.Choice{Place: 2})
	if parted.Delta = (records.Delta{}); !cmp.Equal(parted, same) || err != nil || len(d.names(d.person(2))) != 2 {
		t.Errorf("Unlink again: %v\n%s", err, cmp.Diff(parted, same))
	}
	wrong := d.cause(who(9))
	for range 3 {
		if out, err := d.Redeem(t.Context(), wrong, "AAAAAAAA", who(9)); err != nil || out.Left != records.MaxWrong-1 {
			t.Errorf("a wrong code again: %+v, %v", out, err)
		}
	}
	for name, err := range map[string]error{
		"Redeem": second(d.Redeem(t.Context(), records.Cause{At: d.now}, "AAAAAAAA", who(1))),
		"Unlink": second(d.Unlink(t.Context(), records.Cause{At: d.now}, "p", records.Choice{})),
	} {
		if fault.ClassOf(err) != fault.Bug {
			t.Errorf("%s without a turn: %v", name, err)
		}
	}
	if len(before) == 0 {
		t.Error("nothing is linked")
	}
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

func unlinkChoices(t *testing.T, d *desk) {
	if out := d.unlink(1, records.Choice{Place: 1}); out.Outcome != records.Alone {
		t.Errorf("nobody to part from: %+v", out)
	}
	d.link(1, 2)
	d.link(1, 3)
	for _, c := range []records.Choice{{}, {Place: -1}, {Place: 4}, {Base: who(9).Base()}} {
		if out := d.unlink(1, c); out.Outcome != records.Unknown || len(out.Rest) != 3 {
			t.Errorf("%+v: %+v", c, out)
		}
	}
	// Whose name the person has may leave: the others stay together.
	out := d.unlink(3, records.Choice{Base: who(1).Base()})
	if out.Outcome != records.Done || out.Left != who(1) || len(out.Rest) != 2 {
		t.Errorf("%+v", out)
	}
	if d.person(2) != who(1).Base() || d.person(3) != who(1).Base() || d.person(1) == who(1).Base() {
		t.Errorf("persons: %s %s %s", d.person(1), d.person(2), d.person(3))
	}
	if out := d.unlink(1, records.Choice{Place: 1}); out.Outcome != records.Alone {
		t.Errorf("alone: %+v", out)
	}
	if d.unlink(2, records.Choice{Place: 2}); d.person(3) != who(3).Base() || d.person(2) != who(1).Base() {
		t.Error("the memory did not stay with who stayed")
	}
}

// Whoever links and leaves: who is one person is what a simple model says, nobody is
// ever one person with somebody they are not linked with, and the deltas tell it all.
func randomLinks(t *testing.T, d *desk) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 6
	persons := [n]int{0, 1, 2, 3, 4, 5}
	next := n
	told := map[core.PersonID]core.PersonID{}
	take := func(delta records.Delta) {
		for _, base := range delta.Removed {
			delete(told, base)
		}
		for _, l := range delta.Set {
			told[l.Base()] = l.Person
		}
	}
	for step := range 150 {
		a, b := random.IntN(n), random.IntN(n)
		switch random.IntN(5) {
		case 0, 1:
			members := 0
			for _, p := range persons {
				if p == persons[a] {
					members++
				}
			}
			out := d.unlink(a, records.Choice{Base: who(a).Base()})
			if take(out.Delta); out.Outcome == records.Done != (members > 1) {
				t.Fatalf("step %d: %+v", step, out)
			}
			persons[a], next = next, next+1
		case 2:
			if random.IntN(4) == 0 {
				out, err := d.Forget(t.Context(), d.cause(who(a)), d.person(a), true)
				take(must(t, out, err).Delta)
				for i, p := range persons {
					if p == persons[a] && i != a {
						persons[i], next = next, next+1
					}
				}
				persons[a], next = next, next+1
			}
		default:
			out, err := d.Join(t.Context(), d.cause(who(b)), who(a), who(b))
			take(must(t, out, err).Delta)
			from := persons[b]
			for i, p := range persons {
				if p == from {
					persons[i] = persons[a]
				}
			}
		}
		links, err := d.Links(t.Context())
		got := map[core.PersonID]core.PersonID{}
		for _, l := range must(t, links, err) {
			got[l.Base()] = l.Person
		}
		if diff := cmp.Diff(told, got); diff != "" {
			t.Fatalf("step %d: the deltas differ from the links:\n%s", step, diff)
		}
		for i := range n {
			for j := range i {
				if (d.person(i) == d.person(j)) != (persons[i] == persons[j]) {
					t.Fatalf("step %d: %d and %d are one person: %v", step, i, j, d.person(i) == d.person(j))
				}
			}
		}
	}
}
