package routing

import (
	"fmt"
	"slices"
	"testing"
)

// The scenes of docs/adr/0019-routing.md. Virtual time is exact and the seed is fixed, so
// what is measured here is the same everywhere.
func even(rate float64) scene {
	return scene{workers: 4, conversations: 500, zipf: 0.9, rate: rate, requests: 6000, seed: 1}
}

func slowed(rate float64) scene {
	sc := even(rate)
	sc.slow = 4
	return sc
}

func hot(rate float64) scene {
	sc := even(rate)
	sc.conversations, sc.zipf = 60, 1.6
	return sc
}

// hubbed is how the pool routes: the hub's queue with look-ahead.
var hubbed = way{policy: Auto, queue: true, lookAhead: 48}

const unloaded = 2

// limit gives the rate from which on p99 is above so many milliseconds.
func limit(t testing.TB, w way, from, step, p99 float64) float64 {
	for rate := from; ; rate += step {
		if simulate(t, even(rate), w).p99 > p99 {
			return rate
		}
	}
}

func TestAutoBeatsRoundRobinAtItsLimit(t *testing.T) {
	rr := way{policy: RoundRobin}
	slowest := 5 * simulate(t, even(unloaded), rr).p99
	rate := limit(t, rr, 26, 0.5, slowest)
	his, ours := simulate(t, even(rate), rr), simulate(t, even(rate), hubbed)
	t.Logf("at %.1f requests a second: round robin p99 %.0f ms, cached %.2f; auto %.0f ms, %.2f", rate, his.p99, his.cached, ours.p99, ours.cached)
	if ours.p99 > 0.35*his.p99 {
		t.Errorf("p99 is %.2f of round robin's, want at most 0.35", ours.p99/his.p99)
	}
	if ours.cached < 1.15*his.cached {
		t.Errorf("the cached part is %.2f of round robin's, want at least 1.15", ours.cached/his.cached)
	}
	if ours := simulate(t, even(1.2*rate), hubbed); ours.p99 > slowest {
		t.Errorf("p99 at 1.2 of round robin's limit is %.0f ms, want at most %.0f", ours.p99, slowest)
	}
	three := hubbed
	three.nodes = 3
	if ours := simulate(t, even(rate), three); ours.p99 > 0.35*his.p99 {
		t.Errorf("p99 with three nodes is %.2f of round robin's, want at most 0.35", ours.p99/his.p99)
	}
}

func TestASlowWorkerDoesALittle(t *testing.T) {
	const seeds = 3
	ratio, share := 0.0, 0.0
	for seed := range uint64(seeds) {
		with, without := slowed(20), even(20)
		with.seed, without.seed = seed+1, seed+1
		healthy, ours := simulate(t, without, hubbed), simulate(t, with, hubbed)
		ratio += ours.p99 / healthy.p99 / seeds
		share += ours.share[0] / seeds
	}
	t.Logf("p99 is %.2f of the healthy pool's, the share %.3f", ratio, share)
	if ratio > 1.5 {
		t.Errorf("p99 is %.2f of the healthy pool's, want at most 1.5", ratio)
	}
	if share < 0.04 || share > 0.1 {
		t.Errorf("the slow worker gets %.3f, want 0.04 to 0.10", share)
	}
}

func TestHotConversationsMeltNobody(t *testing.T) {
	const rate = 27
	rr, pinned, ours := simulate(t, hot(rate), way{policy: RoundRobin}), simulate(t, hot(rate), way{policy: Sticky}), simulate(t, hot(rate), hubbed)
	t.Logf("p99: round robin %.0f ms, sticky %.0f ms, auto %.0f ms; shares %.3f", rr.p99, pinned.p99, ours.p99, ours.share)
	if ours.p99 > 0.5*pinned.p99 || ours.p99 > 2*rr.p99 {
		t.Errorf("p99 is %.0f ms; sticky's %.0f, round robin's %.0f", ours.p99, pinned.p99, rr.p99)
	}
	if ours.p50 > rr.p50 {
		t.Errorf("p50 is %.0f ms, round robin's %.0f", ours.p50, rr.p50)
	}
	if most := slices.Max(ours.share); most > 0.35 {
		t.Errorf("one worker gets %.2f of all", most)
	}
}

func TestAQueueMustLookAhead(t *testing.T) {
	strict := hubbed
	strict.lookAhead = 1
	if ours, theirs := simulate(t, even(31), hubbed), simulate(t, even(31), strict); ours.p99 > 0.35*theirs.p99 {
		t.Errorf("p99 with look-ahead is %.0f ms, without %.0f", ours.p99, theirs.p99)
	}
	// Who may be passed over but 8 times is soon sent anywhere.
	hasty := hubbed
	hasty.skips = 8
	if ours, theirs := simulate(t, even(35), hubbed), simulate(t, even(35), hasty); ours.p99 > 0.7*theirs.p99 {
		t.Errorf("p99 with 32 skips is %.0f ms, with 8 %.0f", ours.p99, theirs.p99)
	}
}

// BenchmarkTable measures the table of docs/adr/0019-routing.md; -benchtime 1x is enough.
func BenchmarkTable(b *testing.B) {
	hasty, whole, strict, three := hubbed, hubbed, hubbed, hubbed
	hasty.skips, whole.skips, whole.whole, strict.lookAhead, three.nodes = 8, 8, true, 1, 3
	ways := []struct {
		name string
		way
	}{
		{RoundRobin, way{policy: RoundRobin}},
		{LeastOutstanding, way{policy: LeastOutstanding}},
		{PowerOfTwo, way{policy: PowerOfTwo}},
		{Sticky, way{policy: Sticky}},
		{"auto, in workers", way{policy: Auto}},
		{"auto, hub 48", hubbed},
		{"auto, hub 48, 8 skips", hasty},
		{"auto, hub 48, 8 skips, whole cost", whole},
		{"auto, hub 1", strict},
		{"auto, hub 48, 3 nodes", three},
	}
	scenes := []struct {
		name string
		scene
	}{
		{"unloaded", even(unloaded)}, {"moderate", even(16)}, {"limit", even(28)}, {"beyond", even(34)},
		{"slow", slowed(20)}, {"hot", hot(27)},
	}
	for _, sc := range scenes {
		for _, w := range ways {
			b.Run(fmt.Sprintf("%s/%s", sc.name, w.name), func(b *testing.B) {
				sc.requests = 12000
				for b.Loop() {
					o := simulate(b, sc.scene, w.way)
					b.ReportMetric(o.p50, "p50-ms")
					b.ReportMetric(o.p99, "p99-ms")
					b.ReportMetric(o.cached*100, "cached-%")
					b.ReportMetric(o.share[0]*100, "first-%")
				}
			})
		}
	}
}
