package recent_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters/recent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheNewestAreKept(t *testing.T) {
	m := recent.Of[int, string](10)
	for i := range 1000 {
		m.Set(i, "value")
		m.Set(i, "newer")
		kept := 0
		for key := range i + 1 {
			value, known := m.Get(key)
			if known {
				kept++
			}
			if newest := key > i-10; newest && (!known || value != "newer") {
				t.Fatalf("behind %d entries, %d is %q", i+1, key, value)
			}
		}
		if kept > 20 {
			t.Fatalf("%d entries are kept", kept)
		}
	}
}

func TestTakenOnce(t *testing.T) {
	var m recent.Map[string, int]
	for range 100 {
		m.Set("key", 1)
		var wg sync.WaitGroup
		taken := make(chan int, 8)
		for range 8 {
			wg.Go(func() {
				if v, known := m.Take("key"); known {
					taken <- v
				}
			})
		}
		wg.Wait()
		if len(taken) != 1 {
			t.Fatalf("%d have it", len(taken))
		}
	}
}

func TestChange(t *testing.T) {
	m := recent.Of[string, int](1)
	add := func(n int) int { return n + 1 }
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { m.Change("key", add) })
	}
	wg.Wait()
	m.Set("other", 1) // the first is in the older half now
	m.Change("key", add)
	if v, _ := m.Get("key"); v != 101 {
		t.Errorf("%d, want 101", v)
	}
}
