package pool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
)

// policies are compared in this order.
func policies() []string { return []string{roundRobin, leastOutstanding, powerOfTwo, sticky, auto} }

// runs is how many requests one run has: enough for a p99 that ten of them made.
const runs = 1100

// many is how many the runs of a search have: at the edge a line grows for as long as
// the run lasts, and a short one bears more.
const many = 1800

func measure(t *testing.T, s setup, l load) (r result) {
	t.Helper()
	inWorld(t, s, func(w *world) { r = run(w.t, w.pool, l.draw(*seed)) })
	if n := r.invented(); n > 0 {
		t.Errorf("%s: %d of %d answers are not what was asked for", s.policy, n, len(r.samples))
	}
	return r
}

// told puts a run into words.
func (r result) told() string {
	words := fmt.Sprintf("p99 %s, p50 %s, %.0f %% cached", ms(r.p99), ms(r.p50), 100*r.cachedShare())
	if n := r.failed(); n > 0 {
		words += fmt.Sprintf(", %d failed", n)
	}
	return words
}

// bearable searches the load, between two, at which a policy's p99 of the first
// content reaches a limit.
func bearable(t *testing.T, policy string, limit time.Duration, low, high float64) float64 {
	t.Helper()
	for range 4 {
		middle := (low + high) / 2
		if measure(t, setup{policy: policy}, usual(middle, many)).p99 > limit {
			high = middle
		} else {
			low = middle
		}
	}
	return (low + high) / 2
}

// idle and flooded are loads, in requests a second, far below and above what the four
// workers do.
const idle, flooded = 1, 24

// skew is point 2.
func skew(t *testing.T) []row {
	unloaded := measure(t, setup{policy: roundRobin}, usual(idle, many))
	limit := 5 * unloaded.p99
	edge := bearable(t, roundRobin, limit, idle, flooded)
	var robin, best result
	var rows []row
	for _, policy := range policies() {
		r := measure(t, setup{policy: policy}, usual(edge, many))
		switch policy {
		case roundRobin:
			robin = r
		case auto:
			best = r
		}
		rows = append(rows, row{2, fmt.Sprintf("skew, %.1f requests/s: first content, %s", edge, policy), r.told(), "", info})
	}
	sustained := bearable(t, auto, limit, edge/2, 2*flooded)
	p99, more, cached := ratio(best.p99, robin.p99), sustained/edge, best.cachedShare()/robin.cachedShare()
	return append(rows,
		row{2, "skew: p99 over round robin's", fmt.Sprintf("%.2f", p99), "<= 0.35", judge(p99 <= 0.35)},
		row{2, "skew: bearable load over round robin's", fmt.Sprintf("%.2f", more), ">= 1.2", judge(more >= 1.2)},
		row{2, "skew: cached share over round robin's", fmt.Sprintf("%.2f", cached), ">= 1.15", judge(cached >= 1.15)},
	)
}

// moderate is a load, in requests a second, that four healthy workers bear under every
// policy: less than half of round robin's edge.
const moderate = 8

// slowWorker is point 3.
func slowWorker(t *testing.T) []row {
	healthy := measure(t, setup{policy: auto}, usual(moderate, runs))
	slow := func(i int, o *modeltest.Options) {
		if i == 0 {
			o.Speed = 0.25
		}
	}
	var rows []row
	var ours result
	for _, policy := range policies() {
		r := measure(t, setup{policy: policy, worker: slow}, usual(moderate, runs))
		if policy == auto {
			ours = r
		}
		rows = append(rows, row{3, fmt.Sprintf("slow worker, %d requests/s: its share, first content, %s", moderate, policy), percent(r.shareOf("w0")) + ", " + r.told(), "", info})
	}
	busy := measure(t, setup{policy: auto, worker: slow}, usual(0.9*capacity, runs))
	rows = append(rows, row{3, fmt.Sprintf("slow worker, %.0f requests/s: its share, first content, %s", 0.9*capacity, auto), percent(busy.shareOf("w0")) + ", " + busy.told(), "", info})
	p99, share := ratio(ours.p99, healthy.p99), ours.shareOf("w0")
	return append(rows,
		row{3, "slow worker: p99 over that of healthy workers", fmt.Sprintf("%.2f", p99), "<= 1.5", judge(p99 <= 1.5)},
		row{3, "slow worker: its share of the answers", percent(share), "4 to 10 %", judge(share >= 0.04 && share <= 0.10)},
	)
}
