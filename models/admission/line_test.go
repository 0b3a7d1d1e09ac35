package admission

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func anything(*Item) (float64, bool) { return 0, true }

func nothing(*Item) (float64, bool) { return 0, false }

func push(t interface{ Fatalf(string, ...any) }, l *Line, items ...*Item) {
	for _, it := range items {
		if err := l.Push(it); err != nil {
			t.Fatalf("push %v: %v", it.Value, err)
		}
	}
}

func TestBandsStrictly(t *testing.T) {
	l := NewLine(LineOptions{})
	batch := &Item{Tenant: "a", Band: models.Batch}
	normal := &Item{Tenant: "a", Band: models.Normal}
	interactive := &Item{Tenant: "b", Cost: 100_000}
	push(t, l, batch, normal, interactive)
	if places := []int{l.Place(interactive), l.Place(normal), l.Place(batch)}; !slices.Equal(places, []int{1, 2, 3}) {
		t.Errorf("places %v", places)
	}
	// One that does not fit holds nobody up.
	if got := l.Pull(func(it *Item) (float64, bool) { return 0, it != interactive }); got != normal {
		t.Errorf("got %v", got)
	}
	if got := l.Pull(anything); got != interactive {
		t.Errorf("got %v", got)
	}
	if l.Pull(nothing) != nil || l.Pull(anything) != batch || l.Pull(anything) != nil || l.Len() != 0 || l.Tokens() != 0 {
		t.Errorf("%d items, %d tokens left", l.Len(), l.Tokens())
	}
	if l.Place(batch) != 0 || l.Remove(batch) {
		t.Error("an item that is gone has a place")
	}
}

func TestLookAhead(t *testing.T) {
	l := NewLine(LineOptions{})
	items := make([]*Item, 100)
	for i := range items {
		items[i] = &Item{Tenant: "a", Value: i}
	}
	push(t, l, items...)
	last := func(it *Item) (float64, bool) { return float64(-it.Value.(int)), true }
	var got []int
	for range maxSkips + 2 {
		got = append(got, l.Pull(last).Value.(int))
	}
	// The 48th is the best in sight each time, until the first was passed over 32 times,
	// and with it the second.
	var want []int
	for i := range 32 {
		want = append(want, 47+i)
	}
	if want = append(want, 0, 1); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestLookAheadAcrossTenants(t *testing.T) {
	l := NewLine(LineOptions{})
	a, b, c := &Item{Tenant: "a"}, &Item{Tenant: "b"}, &Item{Tenant: "c"}
	push(t, l, a, b, c)
	got := l.Pull(func(it *Item) (float64, bool) { return map[*Item]float64{a: 2, b: 1, c: 3}[it], true })
	if got != b || l.Place(a) != 1 || l.Place(c) != 2 {
		t.Errorf("got %v, then %d and %d", got.Tenant, l.Place(a), l.Place(c))
	}
}

func TestNewcomersDoNotPushBack(t *testing.T) {
	l := NewLine(LineOptions{})
	// It owes two rounds after its first item.
	first, second := &Item{Tenant: "old", Cost: 2 * quantum}, &Item{Tenant: "old", Cost: 1}
	push(t, l, first, second)
	if l.Pull(anything) != first {
		t.Fatal("the only tenant waits")
	}
	for i := range 10 {
		push(t, l, &Item{Tenant: fmt.Sprint(i), Cost: quantum})
		if l.Pull(anything) == second {
			if i != 1 {
				t.Errorf("went after %d newcomers", i)
			}
			return
		}
	}
	t.Error("waits behind everybody who came later")
}

func TestSettle(t *testing.T) {
	l := NewLine(LineOptions{})
	for _, name := range []string{"a", "b"} {
		for range 40 {
			push(t, l, &Item{Tenant: name, Cost: quantum})
		}
	}
	got := map[string]int{}
	for range 40 {
		it := l.Pull(anything)
		got[it.Tenant]++
		if it.Tenant == "a" {
			// Each of a's was three times as long as thought.
			l.Settle("a", 2*quantum)
		}
	}
	if got["a"] < 9 || got["a"] > 11 {
		t.Errorf("%v: a's items are worth three of b's", got)
	}
	l.Settle("nobody", 1)
}

func TestDebtIsNotForgottenByLeaving(t *testing.T) {
	l := NewLine(LineOptions{})
	got := map[string]int{}
	next := func(name string, cost int) *Item { return &Item{Tenant: name, Cost: cost} }
	// Each has one item waiting at a time, as a person has.
	push(t, l, next("long", 4*quantum), next("short", quantum))
	for range 100 {
		it := l.Pull(anything)
		got[it.Tenant] += it.Cost
		push(t, l, next(it.Tenant, it.Cost))
	}
	if j := jain(got); j < 0.95 {
		t.Errorf("Jain %.3f of %v", j, got)
	}
}

func TestFull(t *testing.T) {
	for name, test := range map[string]struct {
		o    LineOptions
		held []*Item
		it   *Item
		want error
	}{
		"empty takes all":             {LineOptions{Items: 1, Tokens: 5}, nil, &Item{Cost: 50}, nil},
		"room for one":                {LineOptions{Items: 2}, []*Item{{}}, &Item{}, nil},
		"no room":                     {LineOptions{Items: 2}, []*Item{{}, {}}, &Item{}, ErrFull},
		"no tokens":                   {LineOptions{Tokens: 10}, []*Item{{Tenant: "a", Cost: 8}}, &Item{Tenant: "b", Cost: 3}, ErrFull},
		"no limits":                   {LineOptions{}, []*Item{{}, {}}, &Item{Cost: 1 << 40}, nil},
		"one tenant has too many":     {LineOptions{Items: 8}, alike(7, "a"), &Item{Tenant: "a"}, ErrFull},
		"others still come":           {LineOptions{Items: 8}, alike(7, "a"), &Item{Tenant: "b"}, nil},
		"batch while there is room":   {LineOptions{Items: 10, Rand: draw(0.1)}, alike(4, "a"), &Item{Band: models.Batch}, nil},
		"batch when it is half full":  {LineOptions{Items: 10, Rand: draw(0.09)}, alike(4, "a"), &Item{Band: models.Batch}, ErrShed},
		"batch at four fifths":        {LineOptions{Items: 10, Rand: draw(0.999)}, alike(7, "a"), &Item{Band: models.Batch}, ErrShed},
		"normal at four fifths":       {LineOptions{Items: 10, Rand: draw(0)}, alike(7, "a"), &Item{Band: models.Normal}, nil},
		"batch by tokens":             {LineOptions{Items: 99, Tokens: 10, Rand: draw(0.999)}, alike(4, "a"), &Item{Band: models.Batch, Cost: 4}, ErrShed},
		"batch with limits on others": {LineOptions{Rand: draw(0)}, alike(4, "a"), &Item{Band: models.Batch}, nil},
	} {
		l := NewLine(test.o)
		push(t, l, test.held...)
		err := l.Push(test.it)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if test.want != nil && (fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0 || fault.Public(err) == "" || l.Len() != len(test.held)) {
			t.Errorf("%s: %v, wait %v, %d wait", name, fault.ClassOf(err), fault.Wait(err), l.Len())
		}
	}
}

func alike(n int, tenant string) []*Item {
	items := make([]*Item, n)
	for i := range items {
		items[i] = &Item{Tenant: tenant}
	}
	return items
}

func draw(x float64) func() float64 { return func() float64 { return x } }

func TestPushedTwice(t *testing.T) {
	l := NewLine(LineOptions{})
	it := &Item{}
	push(t, l, it)
	if err := l.Push(it); fault.ClassOf(err) != fault.Bug || l.Len() != 1 {
		t.Errorf("%v, %d wait", err, l.Len())
	}
	if !l.Remove(it) || l.Remove(it) {
		t.Error("an item is removed once")
	}
	push(t, l, it)
	if l.Pull(anything) != it {
		t.Error("an item that was removed cannot come back")
	}
}

func TestWaitIsTheTimeToDrain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := NewLine(LineOptions{Tokens: 10_000, Now: func() time.Time { return now }})
	refused := func() time.Duration {
		push(t, l, &Item{Tenant: "a", Cost: 5000}, &Item{Tenant: "b", Cost: 5000})
		err := l.Push(&Item{Cost: 1})
		for l.Pull(anything) != nil {
			continue
		}
		return fault.Wait(err)
	}
	if d := refused(); d != time.Minute {
		t.Errorf("a line that never moved: %v", d)
	}
	// 10,000 tokens went in the last 10 s, as many as wait.
	if d := refused(); d != 10*time.Second {
		t.Errorf("1000 tokens a second, 10000 wait: %v", d)
	}
	now = now.Add(10 * time.Minute)
	if d := refused(); d != time.Minute {
		t.Errorf("stood still: %v", d)
	}
	for range 30 {
		refused()
	}
	if d := refused(); d != time.Second {
		t.Errorf("fast: %v", d)
	}
}

// jain is Jain's fairness index: 1 when all have the same, 1/n when one has all.
func jain(got map[string]int) float64 {
	var sum, squares float64
	for _, x := range got {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	return sum * sum / (float64(len(got)) * squares)
}

func TestFairWithUnequalItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLine(LineOptions{})
		tenants := rapid.IntRange(2, 8).Draw(t, "tenants")
		fit := anything
		if rapid.Bool().Draw(t, "affinity") {
			fit = func(it *Item) (float64, bool) { return float64(it.Cost % 97), true }
		}
		got := map[string]int{}
		dearest := quantum
		for i := range tenants {
			name := fmt.Sprint(i)
			got[name] = 0
			cost := rapid.IntRange(200, 20_000).Draw(t, "cost")
			dearest = max(dearest, cost)
			for range 60 {
				push(t, l, &Item{Tenant: name, Cost: cost})
			}
		}
		for left := tenants * 12 * dearest; left > 0; {
			it := l.Pull(fit)
			left -= it.Cost
			got[it.Tenant] += it.Cost
			push(t, l, &Item{Tenant: it.Tenant, Cost: it.Cost})
		}
		if j := jain(got); j < 0.95 {
			t.Fatalf("Jain %.3f of %v", j, got)
		}
	})
}

func TestGreedyTenantDoesNotDelayOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLine(LineOptions{})
		const cost = 1000
		for range 500 {
			push(t, l, &Item{Tenant: "greedy", Cost: cost})
		}
		others := rapid.IntRange(1, 9).Draw(t, "others")
		for range rapid.IntRange(0, 100).Draw(t, "gone before") {
			l.Pull(anything)
		}
		for i := range others {
			push(t, l, &Item{Tenant: fmt.Sprint(i), Cost: cost})
		}
		// What is left of this round, a whole one, and the overshoot of either.
		bound := (2*quantum+2*cost)/cost + others
		for pulls, waiting := 0, others; waiting > 0; pulls++ {
			if pulls > bound {
				t.Fatalf("%d of %d others wait after %d items", waiting, others, pulls)
			}
			if l.Pull(anything).Tenant != "greedy" {
				waiting--
			}
		}
	})
}
