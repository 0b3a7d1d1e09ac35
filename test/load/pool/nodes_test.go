package pool_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/pool"
)

// toldEvery is how often a hub tells the others what it has under way.
const toldEvery = 200 * time.Millisecond

// nodes are the pools of several hubs over the same workers. Each request comes to the next
// of them, as messages of one queue do. They know of each other what was told last.
type nodes struct {
	pools []*pool.Pool
	next  atomic.Uint64

	mu   sync.Mutex
	told []map[string]int
}

// Chat implements models.Client.
func (n *nodes) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return n.pools[n.next.Add(1)%uint64(len(n.pools))].Chat(ctx, r)
}

// elsewhere is what the other hubs told of a worker.
func (n *nodes) elsewhere(own int) func(worker string) int {
	return func(worker string) int {
		n.mu.Lock()
		defer n.mu.Unlock()
		sum := 0
		for i, told := range n.told {
			if i != own {
				sum += told[worker]
			}
		}
		return sum
	}
}

// tell has the hubs tell each other until ctx ends.
func (n *nodes) tell(ctx context.Context) {
	tick := time.NewTicker(toldEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for i, p := range n.pools {
			loads := p.Loads()
			n.mu.Lock()
			n.told[i] = loads
			n.mu.Unlock()
		}
	}
}

// among measures a load on the pools of so many hubs. Where they tell each other nothing,
// each goes by its own requests.
func among(t *testing.T, hubs int, tells bool, l load) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{told: make([]map[string]int, hubs)}
		first := newWorld(t, setup{policy: auto, pool: func(o *pool.Options) { o.Elsewhere = n.elsewhere(0) }})
		defer first.stop()
		n.pools = []*pool.Pool{first.pool}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		for i := 1; i < hubs; i++ {
			o := first.options
			o.Elsewhere = n.elsewhere(i)
			p := pool.New(o)
			n.pools = append(n.pools, p)
			running.Go(func() { _ = p.Run(ctx) })
		}
		if tells {
			running.Go(func() { n.tell(ctx) })
		}
		synctest.Wait() // the first probes are over
		r = run(t, n, l.draw(*seed))
	})
	if n := r.invented(); n > 0 {
		t.Errorf("%d hubs: %d of %d answers are not what was asked for", hubs, n, len(r.samples))
	}
	return r
}

// threeNodes is the skew of point 2 with three hubs: at a load that all bear, and near
// round robin's limit.
func threeNodes(t *testing.T) []row {
	var rows []row
	for _, perSecond := range []float64{moderate, 0.9 * capacity} {
		one := among(t, 1, true, usual(perSecond, many))
		three := among(t, 3, true, usual(perSecond, many))
		deaf := among(t, 3, false, usual(perSecond, many))
		what := fmt.Sprintf("skew, %.0f requests/s: first content, ", perSecond)
		rows = append(rows,
			row{2, what + "one node", one.told(), "", info},
			row{2, what + "three nodes that tell each other", three.told(), "", info},
			row{2, what + "three nodes that do not", deaf.told(), "", info},
			row{2, fmt.Sprintf("skew, %.0f requests/s: p99 of three nodes over that of one; if they did not tell each other", perSecond), fmt.Sprintf("%.2f; %.2f", ratio(three.p99, one.p99), ratio(deaf.p99, one.p99)), "", info},
		)
	}
	return rows
}
