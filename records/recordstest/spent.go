package recordstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

// purse is what somebody may spend on the n-th day.
func purse(name string, day int) records.Purse {
	return records.Purse{Scope: "person", Name: name, Span: records.SpanDay, Starts: past.Add(-12*time.Hour).AddDate(0, 0, day)}
}

func (d *desk) spend(what ...records.Spending) []records.Spending {
	d.t.Helper()
	out, err := d.Spend(d.t.Context(), what)
	return must(d.t, out, err)
}

func (d *desk) wantSpent(p records.Purse, tokens, micros int64) {
	d.t.Helper()
	got, err := d.Spent(d.t.Context(), p)
	if diff := cmp.Diff(records.Spending{Purse: p, Tokens: tokens, Micros: micros}, got); diff != "" || err != nil {
		d.t.Errorf("Spent: %v (-want +got):\n%s", err, diff)
	}
}

func spending(t *testing.T, d *desk) {
	month := purse("p", 0)
	month.Span = records.SpanMonth
	role := purse("p", 0)
	role.Scope = "role"
	odd := purse("a\x00\xff", 0)
	all := []records.Purse{purse("p", 0), purse("p", 1), month, role, purse("q", 0), odd}
	for _, p := range all {
		d.wantSpent(p, 0, 0)
	}
	d.spend()
	for round := range int64(3) {
		var what, want []records.Spending
		for i, p := range all {
			n := int64(i + 1)
			what = append(what, records.Spending{Purse: p, Tokens: n, Micros: 10 * n})
			want = append(want, records.Spending{Purse: p, Tokens: n * (round + 1), Micros: 10 * n * (round + 1)})
		}
		if diff := cmp.Diff(want, d.spend(what...)); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", round, diff)
		}
	}
	for i, p := range all {
		d.wantSpent(p, 3*int64(i+1), 30*int64(i+1))
	}
	bad := records.Spending{Purse: purse("p", 0), Tokens: 1}
	bad.Span = "week"
	if _, err := d.Spend(t.Context(), []records.Spending{{Purse: purse("q", 0), Tokens: 1}, bad}); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a span that is none: %v", err)
	}
	d.wantSpent(purse("q", 0), 15, 150)
}

func spendingOfMany(t *testing.T, d *desk) {
	var what []records.Spending
	for n := range 250 {
		what = append(what, records.Spending{Purse: purse(fmt.Sprint(n), 0), Tokens: int64(n)})
	}
	if diff := cmp.Diff(what, d.spend(what...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is long over is dropped by what is spent later; the day before and the month are not.
func spendingEnds(t *testing.T, d *desk) {
	month := purse("p", -59) // January's first
	month.Span = records.SpanMonth
	d.spend(records.Spending{Purse: purse("p", 0), Tokens: 1}, records.Spending{Purse: purse("p", 1), Tokens: 2}, records.Spending{Purse: month, Tokens: 4})
	d.spend(records.Spending{Purse: purse("q", 3), Tokens: 3})
	d.wantSpent(purse("p", 0), 0, 0)
	d.wantSpent(purse("p", 1), 2, 0)
	d.wantSpent(month, 4, 0)
}

// Forgetting somebody does not fill their budget again.
func spendingOutlivesForgetting(t *testing.T, d *desk) {
	person := who(1).Base()
	d.spend(records.Spending{Purse: purse(string(person), 0), Tokens: 5, Micros: 6})
	if _, err := d.Forget(t.Context(), d.cause(who(1)), person, true); err != nil {
		t.Fatal(err)
	}
	d.wantSpent(purse(string(person), 0), 5, 6)
}

// Nodes add to the same purses at once, in any order, and nothing is lost.
func spendingTogether(t *testing.T, nodes []*desk) {
	const times, purses = 60, 8
	together(nodes, times, func(d *desk, n int) {
		var what []records.Spending
		for i := range purses {
			what = append(what, records.Spending{Purse: purse(fmt.Sprint((n+i)%purses), 0), Tokens: 1, Micros: int64(n)})
		}
		if _, err := d.Spend(t.Context(), what); err != nil {
			t.Errorf("Spend: %v", err)
		}
	})
	for i := range purses {
		nodes[i%len(nodes)].wantSpent(purse(fmt.Sprint(i), 0), times, times*(times-1)/2)
	}
}

// A node that writes usage and one that forgets the person: whoever comes first, the
// person is in no line.
func forgetMeetsUsage(t *testing.T, nodes []*desk) {
	person := who(1).Base()
	var group sync.WaitGroup
	for n, d := range nodes {
		group.Go(func() {
			for i := range 20 {
				if err := d.WriteUsage(t.Context(), []records.Used{used(person, 100*n+i)}); err != nil {
					t.Errorf("WriteUsage: %v", err)
				}
			}
		})
	}
	if _, err := nodes[0].Forget(t.Context(), at("forget", who(1), past), person, false); err != nil {
		t.Error(err)
	}
	group.Wait()
	nodes[1].wantLines(person)
	if n := nodes[2].sums(records.UsageFilter{})[0].Served.Lines; n != int64(20*len(nodes)) {
		t.Errorf("%d lines", n)
	}
}
