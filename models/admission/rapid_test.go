package admission

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/models"
)

// lineModel is what a line must keep whatever happens to it.
type lineModel struct {
	l *Line
	// waiting is every item in the order of arrival.
	waiting []*Item
	skips   map[*Item]int
	pushed  int
	taken   map[*Item]bool
}

func (m *lineModel) push(t *rapid.T) {
	it := &Item{
		Tenant: rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "tenant"),
		Band:   models.Band(rapid.IntRange(0, 2).Draw(t, "band")),
		Cost:   rapid.SampledFrom([]int{-1, 0, 1, 100, 2000, 2048, 5000, 60_000}).Draw(t, "cost"),
		Value:  m.pushed,
	}
	m.pushed++
	push(t, m.l, it)
	m.waiting = append(m.waiting, it)
}

func (m *lineModel) remove(t *rapid.T) {
	if len(m.waiting) == 0 {
		t.Skip("nobody waits")
	}
	i := rapid.IntRange(0, len(m.waiting)-1).Draw(t, "which")
	it := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if !m.l.Remove(it) || m.l.Remove(it) || m.l.Place(it) != 0 {
		t.Fatalf("%v was not removed once", it.Value)
	}
}

func (m *lineModel) pull(t *rapid.T) {
	costs := rapid.SliceOfN(rapid.IntRange(0, 3), 16, 16).Draw(t, "costs")
	busy := rapid.SampledFrom([]int{0, 0, 0, 3, 10, 16}).Draw(t, "busy of 16")
	fit := func(it *Item) (float64, bool) {
		n := it.Value.(int) * 7 % 16
		return float64(costs[n]), n >= busy
	}
	got := m.l.Pull(fit)
	fitting := slices.DeleteFunc(slices.Clone(m.waiting), func(it *Item) bool { _, ok := fit(it); return !ok })
	if got == nil {
		if len(fitting) > 0 {
			t.Fatalf("%d items fit and none goes", len(fitting))
		}
		return
	}
	if m.taken[got] || !slices.Contains(fitting, got) {
		t.Fatalf("%v went twice, or does not fit", got.Value)
	}
	m.taken[got] = true
	ahead := 0
	for _, it := range fitting {
		if it.Band < got.Band {
			t.Fatalf("band %d goes while band %d waits", got.Band, it.Band)
		}
		if it == got {
			break
		}
		if it.Band != got.Band || it.Tenant != got.Tenant {
			continue
		}
		ahead++
		if m.skips[it]++; m.skips[it] > maxSkips {
			t.Fatalf("%v was passed over %d times", it.Value, m.skips[it])
		}
		if costs[it.Value.(int)*7%16] <= costs[got.Value.(int)*7%16] && got.skipped < maxSkips {
			t.Fatalf("%v goes before %v of the same tenant and is no better", got.Value, it.Value)
		}
	}
	if ahead >= lookAhead {
		t.Fatalf("%d ahead of %v", ahead, got.Value)
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(it *Item) bool { return it == got })
}

func (m *lineModel) settle(t *rapid.T) {
	m.l.Settle(rapid.SampledFrom([]string{"a", "b", "z"}).Draw(t, "tenant"), rapid.IntRange(-70_000, 70_000).Draw(t, "extra"))
}

func (m *lineModel) check(t *rapid.T) {
	tokens := 0
	for _, it := range m.waiting {
		tokens += max(it.Cost, 1)
		if p := m.l.Place(it); p < 1 || p > len(m.waiting) {
			t.Fatalf("%v has place %d of %d", it.Value, p, len(m.waiting))
		}
	}
	if m.l.Len() != len(m.waiting) || m.l.Tokens() != tokens {
		t.Fatalf("%d items and %d tokens, want %d and %d", m.l.Len(), m.l.Tokens(), len(m.waiting), tokens)
	}
	for i := range m.l.bands {
		m.l.bands[i].check(t)
	}
}

// check looks for tenants that are lost or kept without need.
func (b *band) check(t *rapid.T) {
	items, tenants := 0, 0
	for _, r := range []*ring{&b.now, &b.next} {
		for u := r.first; u != nil; u = u.succ {
			items += u.items
			tenants++
			if u.in != r || b.tenants[u.name] != u {
				t.Fatalf("%q is in the wrong ring", u.name)
			}
			if r == &b.now && (u.items == 0 || u.deficit <= 0) || u.deficit > quantum {
				t.Fatalf("%q has %d items and %d left in this round", u.name, u.items, u.deficit)
			}
		}
	}
	if items != b.items || tenants != len(b.tenants) {
		t.Fatalf("%d items of %d, %d tenants of %d", items, b.items, tenants, len(b.tenants))
	}
}

func TestLineKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &lineModel{l: NewLine(LineOptions{}), skips: map[*Item]int{}, taken: map[*Item]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"push": m.push, "push again": m.push, "pull": m.pull, "pull again": m.pull, "remove": m.remove, "settle": m.settle, "": m.check,
		})
		// Everything that is left goes out.
		for m.l.Len() > 0 {
			m.pull(t)
		}
		if len(m.waiting) != 0 {
			t.Fatalf("%d were lost", len(m.waiting))
		}
	})
}
