package pool

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
)

const (
	// deadlineTimes is how much longer than the slowest of twenty a first content may
	// take, and minDeadline the least it may: below that a lost packet would count.
	deadlineTimes = 4
	minDeadline   = 2 * time.Second
	// timingSamples are kept of each size of prompt, timingLeast are needed to judge.
	timingSamples = 64
	timingLeast   = 20
	// sizes are those of prompts: up to 256, 1 k, 4 k, 16 k tokens, and more.
	sizes = 5
)

// timing knows how long first contents take, by the size of the prompt.
type timing struct {
	bySize [sizes]samples
	// all is of all sizes, for comparing versions.
	all samples
}

func newTiming() timing { return timing{} }

func sizeOf(tokens int) int {
	return min((max(bits.Len(uint(max(tokens, 1)-1)), 8)-7)/2, sizes-1)
}

func (t *timing) add(tokens int, took time.Duration) {
	t.bySize[sizeOf(tokens)].add(took)
	t.all.add(took)
}

// p95 gives the time in which 95 of 100 first contents come; false while too few came.
func (t *timing) p95(tokens int) (time.Duration, bool) { return t.bySize[sizeOf(tokens)].p95() }

// deadline is how long to wait for a first content, at most longest.
func (t *timing) deadline(tokens int, longest time.Duration) time.Duration {
	p95, ok := t.p95(tokens)
	if !ok {
		return longest
	}
	return min(max(deadlineTimes*p95, minDeadline), longest)
}

// samples are the last of a kind.
type samples struct {
	n    int
	ring [timingSamples]time.Duration
	// known is p95 of when n was knownAt.
	known   time.Duration
	knownAt int
}

func (s *samples) add(d time.Duration) {
	s.ring[s.n%timingSamples] = d
	s.n++
}

func (s *samples) p95() (time.Duration, bool) {
	if s.n < timingLeast {
		return 0, false
	}
	// Sorting for each request would cost more than it tells.
	if s.known == 0 || s.n-s.knownAt >= 8 {
		sorted := s.ring
		kept := sorted[:min(s.n, timingSamples)]
		slices.Sort(kept)
		s.known, s.knownAt = cmp.Or(kept[(len(kept)*95-1)/100], 1), s.n
	}
	return s.known, true
}

// ratio corrects estimated tokens by what workers counted.
type ratio struct {
	n     int
	value float64
}

func (r *ratio) add(counted, estimated int) {
	if counted <= 0 || estimated <= 0 {
		return
	}
	r.n++
	r.value += (float64(counted)/float64(estimated) - r.value) / float64(min(r.n, 20))
}

// atLeast gives how many tokens an estimate surely stands for. Until it was seen how
// wrong estimates are, that is half of it.
func (r *ratio) atLeast(estimated int) int {
	if r.n < timingLeast {
		return estimated / 2
	}
	return int(math.Round(float64(estimated) * r.value * 0.9))
}

// deadline is how long to wait for the first sign of an answer.
func (l *lease) deadline(longest time.Duration) time.Duration {
	l.job.p.mu.Lock()
	defer l.job.p.mu.Unlock()
	return l.job.v.lane.timing.deadline(l.job.prompt.Tokens, longest)
}

// late takes note of a deadline that was met. Did only answers in time count, the
// deadline could never follow workers that have become slower.
func (l *lease) late(waited time.Duration) {
	l.job.p.mu.Lock()
	defer l.job.p.mu.Unlock()
	l.job.v.lane.timing.add(l.job.prompt.Tokens, waited)
}
