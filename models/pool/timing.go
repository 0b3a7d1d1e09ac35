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
	// coldTimes is how much longer than usual it may take with nothing of the prompt cached.
	coldTimes = 2
	// timingSamples are kept of each size of prompt, timingLeast are needed to judge.
	timingSamples = 64
	timingLeast   = 20
	// sizes are those of prompts: up to 256, 1 k, 4 k, 16 k tokens, and more.
	sizes = 5
	// paces are finer ones, each twice the one before: up to 64, 128 ... 128 k tokens, and
	// more.
	paces = 13
)

// timing knows how long first contents take, by the size of the prompt.
type timing struct{ bySize [sizes]samples }

// pace is how long first contents took of late where a slot was free, by how much had to
// be computed: what remains is how fast the workers are.
type pace [paces]mean

func paceOf(tokens int) int { return min(max(bits.Len(uint(max(tokens, 1)-1))-6, 0), paces-1) }

func (p *pace) add(tokens int, took time.Duration) { p[paceOf(tokens)].add(took) }

// of gives what is usual. For a size that has not been seen that is the next smaller
// one's, in proportion; 0 where there is none.
func (p *pace) of(tokens int) time.Duration {
	for i := paceOf(tokens); i >= 0; i-- {
		if p[i].n > 0 {
			return p[i].duration() << (paceOf(tokens) - i)
		}
	}
	return 0
}

// beside gives the mean first content, and what it would be had each taken as long as
// the other's of the same size. n is how many of ours that could be told of.
func (p *pace) beside(other *pace) (own, theirs time.Duration, n int) {
	var sum, expected float64
	for i := range p {
		if p[i].n < paceLeast || other[i].n < paceLeast {
			continue
		}
		n += p[i].n
		sum += float64(p[i].n) * p[i].value
		expected += float64(p[i].n) * other[i].value
	}
	if n == 0 {
		return 0, 0, 0
	}
	return time.Duration(sum / float64(n)), time.Duration(expected / float64(n)), n
}

// paceLeast are needed of a size by each of two that are compared.
const paceLeast = 3

func sizeOf(tokens int) int {
	return min((max(bits.Len(uint(max(tokens, 1)-1)), 8)-7)/2, sizes-1)
}

func (t *timing) add(tokens int, took time.Duration) {
	t.bySize[sizeOf(tokens)].add(took)
}

// p95 gives the time in which 95 of 100 first contents come; false while too few came.
func (t *timing) p95(tokens int) (time.Duration, bool) { return t.bySize[sizeOf(tokens)].p95() }

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

// deadline is how long to wait for the first sign of an answer, at most longest: by what
// prompts as long as this one took, and those with as much to compute. But a worker may
// have forgotten what it is taken to have cached, and has the time to compute all of it.
func (l *lease) deadline(longest time.Duration) time.Duration {
	l.job.p.mu.Lock()
	defer l.job.p.mu.Unlock()
	missing, _ := l.job.v.lane.missing.p95(l.uncached)
	whole, ok := l.job.v.lane.whole.p95(l.job.prompt.Tokens)
	if !ok {
		return longest
	}
	cold := l.job.v.lane.pace.of(l.job.prompt.Tokens)
	return min(max(deadlineTimes*max(missing, whole), coldTimes*cold, minDeadline), longest)
}

// came takes note of a first content, or of how long nothing came.
func (l *lease) came(took time.Duration) {
	l.job.v.lane.whole.add(l.job.prompt.Tokens, took)
	l.job.v.lane.missing.add(l.uncached, took)
}

// late takes note of a deadline that was met. Did only answers in time count, the
// deadline could never follow workers that have become slower.
func (l *lease) late(waited time.Duration) {
	l.job.p.mu.Lock()
	defer l.job.p.mu.Unlock()
	l.came(waited)
}
