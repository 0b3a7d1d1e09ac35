package admission

import (
	"fmt"
	"testing"

	"github.com/parley-hub/parley/models"
)

// BenchmarkLine is one item in and one out, with 10,000 waiting.
func BenchmarkLine(b *testing.B) {
	for _, tenants := range []int{1, 100, 10_000} {
		for name, fit := range map[string]func(*Item) (float64, bool){
			"same":     anything,
			"affinity": func(it *Item) (float64, bool) { return float64(it.Cost % 97), true },
		} {
			b.Run(fmt.Sprintf("tenants=%d/%s", tenants, name), func(b *testing.B) {
				l := NewLine(LineOptions{})
				names := make([]string, tenants)
				for i := range names {
					names[i] = fmt.Sprint(i)
				}
				for i := range 10_000 {
					push(b, l, &Item{Tenant: names[i%tenants], Cost: i * 37 % 8000})
				}
				b.ReportAllocs()
				for b.Loop() {
					it := l.Pull(fit)
					push(b, l, it)
				}
			})
		}
	}
}

// BenchmarkLineCancel takes an item out of the middle of 10,000.
func BenchmarkLineCancel(b *testing.B) {
	l := NewLine(LineOptions{})
	items := make([]*Item, 10_000)
	for i := range items {
		items[i] = &Item{Tenant: fmt.Sprint(i % 100), Band: models.Normal, Cost: 1000}
	}
	push(b, l, items...)
	i := 0
	for b.Loop() {
		it := items[i*7919%len(items)]
		i++
		l.Remove(it)
		push(b, l, it)
	}
}
