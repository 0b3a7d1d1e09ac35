package routing

import (
	"fmt"
	"testing"
)

func TestExplore(t *testing.T) {
	even := scene{workers: 4, conversations: 500, zipf: 0.9, requests: 8000, seed: 1}
	slow := even
	slow.slow = 4
	hot := even
	hot.conversations = 60
	hot.zipf = 1.6
	for i, sc := range []scene{even, slow, hot} {
		for _, rate := range []float64{2, 16, 27, 28, 29, 30, 32, 34, 36} {
			if i > 0 && rate > 28 {
				continue
			}
			sc.rate = rate
			for _, w := range []way{{policy: RoundRobin}, {policy: LeastOutstanding}, {policy: PowerOfTwo}, {policy: Sticky}, {policy: Auto}, {policy: Auto, queue: true, lookAhead: 48}, {policy: Auto, queue: true, lookAhead: 48, skips: 8}, {policy: Auto, queue: true, lookAhead: 48, skips: 8, whole: true}, {policy: Auto, queue: true, lookAhead: 1}, {policy: Auto, queue: true, lookAhead: 48, nodes: 3}} {
				o := simulate(t, sc, w)
				fmt.Printf("%d %4.0f %s %v %d %v %d p50 %7.0f p99 %7.0f cached %.3f %.3f\n", i, rate, w.policy, w.queue, w.lookAhead, w.whole, w.skips, o.p50, o.p99, o.cached, o.share)
			}
		}
	}
}
