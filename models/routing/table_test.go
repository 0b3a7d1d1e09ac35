package routing

import (
	"fmt"
	"testing"
)

func TestExplore(t *testing.T) {
	for _, rate := range []float64{2, 12, 16, 20, 22, 24, 26, 28} {
		sc := scene{workers: 4, conversations: 500, zipf: 0.9, rate: rate, requests: 8000, seed: 1}
		for _, w := range []way{{policy: RoundRobin}, {policy: LeastOutstanding}, {policy: Sticky}, {policy: Auto}, {policy: Auto, queue: true, lookAhead: 48}, {policy: Auto, queue: true, lookAhead: 48, skips: 64}, {policy: Auto, queue: true, lookAhead: 48, skips: 8}, {policy: Auto, queue: true, lookAhead: 48, skips: 8, whole: true}, {policy: Auto, queue: true, lookAhead: 1}} {
			o := simulate(t, sc, w)
			fmt.Printf("%4.0f %s %v %d %v %d p50 %7.0f p99 %7.0f cached %.3f %.2f\n", rate, w.policy, w.queue, w.lookAhead, w.whole, w.skips, o.p50, o.p99, o.cached, o.share)
		}
	}
}
