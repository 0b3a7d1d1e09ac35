package sqliteq_test

import (
	"sync"
	"testing"

	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/queuetest"
	"github.com/parley-hub/parley/queue/sqliteq"
)

// open opens an engine that is closed with the test at the latest.
func open(t *testing.T, o sqliteq.Options) *sqliteq.Engine {
	t.Helper()
	e, err := sqliteq.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

func TestContract(t *testing.T) {
	var mu sync.Mutex
	opened := map[queue.Queue]sqliteq.Options{}
	start := func(t *testing.T, o sqliteq.Options) queue.Queue {
		t.Helper()
		e := open(t, o)
		mu.Lock()
		defer mu.Unlock()
		opened[e] = o
		return e
	}
	queuetest.Run(t, queuetest.Harness{
		Features: queuetest.Features{Durable: true, ExactTotal: true},
		Open: func(t *testing.T, b queuetest.Bounds) queue.Queue {
			t.Helper()
			return start(t, sqliteq.Options{Dir: t.TempDir(), MaxItems: b.MaxItems, MaxPerKey: b.MaxPerKey})
		},
		Reopen: func(t *testing.T, q queue.Queue) queue.Queue {
			t.Helper()
			if err := q.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			mu.Lock()
			o := opened[q]
			delete(opened, q)
			mu.Unlock()
			return start(t, o)
		},
	})
}
