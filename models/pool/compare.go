package pool

import (
	"fmt"
	"time"
)

const (
	// A version is judged by at least compareLeast results and first contents.
	compareLeast = 20
	// It is rolled back when more than rollbackPart of its attempts fail, and twice as
	// many as the others'; or when its first contents take twice as long as theirs for as
	// much to compute, and noticeably so. Plain delays would blame it for its cold caches.
	rollbackPart  = 0.1
	rollbackTimes = 2
	rollbackSlow  = 500 * time.Millisecond
)

// compare takes the weight from a version that does worse than the heaviest. That one
// stays whatever it does: there is nothing better known to go back to.
func (p *Pool) compare(s *snapshot) {
	if len(s.versions) < 2 || p.now.Load() != s {
		return
	}
	best := s.versions[0]
	for _, v := range s.versions[1:] {
		if v.share() > best.share() {
			best = v
		}
	}
	for _, v := range s.versions {
		if v.lane == best.lane || v.share() <= 0 {
			continue
		}
		if why := v.lane.worse(best.lane); why != "" {
			v.lane.rolledBack = why
			p.changes = append(p.changes, change{version: v.name, err: rollback(why)})
		}
	}
}

type rollback string

func (r rollback) Error() string { return string(r) }

// worse says in what a version is worse than another; "" for in nothing.
func (l *lane) worse(than *lane) string {
	if rate, n := l.results.rate(); n >= compareLeast && rate > rollbackPart {
		if other, _ := than.results.rate(); rate > rollbackTimes*other {
			return fmt.Sprintf("%.0f %% of its attempts fail, of %s's %.0f %%", 100*rate, than.name, 100*other)
		}
	}
	own, other, n := l.pace.beside(&than.pace)
	if n >= compareLeast && own > rollbackTimes*other && own > other+rollbackSlow {
		return fmt.Sprintf("its first content takes %s, %s's %s", own.Round(time.Millisecond), than.name, other.Round(time.Millisecond))
	}
	return ""
}

// results are the last attempts of a version: a canary gets too few a second for a
// window of time.
type results struct {
	n    int
	good [resultsKept]bool
}

const resultsKept = 100

func (r *results) add(good bool) {
	r.good[r.n%resultsKept] = good
	r.n++
}

// refund turns the last failure into nothing of note.
func (r *results) refund() {
	for i := r.n - 1; i >= max(0, r.n-resultsKept); i-- {
		if !r.good[i%resultsKept] {
			r.good[i%resultsKept] = true
			return
		}
	}
}

// rate is the part of attempts that failed, of how many.
func (r *results) rate() (float64, int) {
	kept := min(r.n, resultsKept)
	if kept == 0 {
		return 0, 0
	}
	bad := 0
	for _, good := range r.good[:kept] {
		if !good {
			bad++
		}
	}
	return float64(bad) / float64(kept), kept
}
