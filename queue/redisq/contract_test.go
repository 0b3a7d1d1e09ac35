package redisq_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/queuetest"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

var prefixes atomic.Int64

// freshPrefix is a store that nobody used.
func freshPrefix() string { return fmt.Sprint("t", prefixes.Add(1)) }

// open opens an engine that is closed with the test at the latest.
func open(t testing.TB, o redisq.Options) *redisq.Engine {
	t.Helper()
	e, err := redisq.Open(t.Context(), o)
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

// contract runs the suite against engines made from base; each is handed to prepared.
func contract(t *testing.T, f queuetest.Features, base redisq.Options, prepared ...func(*redisq.Engine)) {
	t.Helper()
	var mu sync.Mutex
	opened := map[queue.Queue]redisq.Options{}
	start := func(t *testing.T, o redisq.Options) queue.Queue {
		t.Helper()
		e := open(t, o)
		for _, prepare := range prepared {
			prepare(e)
		}
		mu.Lock()
		defer mu.Unlock()
		opened[e] = o
		return e
	}
	queuetest.Run(t, queuetest.Harness{
		Features: f,
		Lease:    500 * time.Millisecond,
		Open: func(t *testing.T, b queuetest.Bounds) queue.Queue {
			t.Helper()
			o := base
			o.Prefix, o.MaxItems, o.MaxPerKey = freshPrefix(), b.MaxItems, b.MaxPerKey
			return start(t, o)
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

func TestContract(t *testing.T) {
	t.Parallel() // most of it waits
	s := redistest.Start(t)
	contract(t, queuetest.Features{Durable: true, ExactTotal: true}, redisq.Options{URL: secret.New(s.URL())})
	holds(t, s)
}

// TestContractOnCluster runs the whole suite with every box in a shard, and on a
// master, of its own: each commit goes across, and a box has one line. Then once more
// as it is in life, where the lines are many.
func TestContractOnCluster(t *testing.T) {
	t.Parallel() // most of it waits
	nodes := redistest.StartCluster(t)
	base := redisq.Options{URL: secret.New(redistest.ClusterURL(nodes))}
	t.Run("by box", func(t *testing.T) {
		contract(t, queuetest.Features{Durable: true}, redisq.ByBox(base))
	})
	t.Run("spread", func(t *testing.T) {
		contract(t, queuetest.Features{Durable: true, ManyLines: true}, base)
	})
	holds(t, nodes...)
}

func TestContractOnSentinel(t *testing.T) {
	t.Parallel() // most of it waits
	s := redistest.StartSentinels(t)
	contract(t, queuetest.Features{Durable: true, ExactTotal: true}, redisq.Options{URL: secret.New(s.URL())})
	holds(t, s.Master)
}

// TestContractWithLostAnswers runs nearly every script twice, as the client does
// where an answer is lost, and once more with each commit going across shards.
func TestContractWithLostAnswers(t *testing.T) {
	t.Parallel() // most of it waits
	s := redistest.Start(t)
	base := redisq.Options{URL: secret.New(s.URL())}
	t.Run("one shard", func(t *testing.T) {
		contract(t, queuetest.Features{Durable: true, ExactTotal: true}, base, (*redisq.Engine).RunTwice)
	})
	t.Run("by box", func(t *testing.T) {
		contract(t, queuetest.Features{Durable: true}, redisq.ByBox(base), (*redisq.Engine).RunTwice)
	})
	holds(t, s)
}
