package admission

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

// Sum is what requests use up.
type Sum struct {
	Tokens int64
	Cost   models.Amount
}

func (s Sum) plus(o Sum) Sum { return Sum{s.Tokens + o.Tokens, s.Cost + o.Cost} }

func (s Sum) minus(o Sum) Sum { return Sum{s.Tokens - o.Tokens, s.Cost - o.Cost} }

// Span is how long a budget lasts.
type Span string

// The spans.
const (
	Day   Span = "day"
	Month Span = "month"
)

// Purse is what somebody may spend in one day or month. Budgets only count those
// that are bounded.
type Purse struct {
	Scope models.Scope
	// Name is the person, the role or the account.
	Name string
	Span Span
	// Starts is its first moment, in UTC.
	Starts time.Time
}

// Spent is what was spent from a purse.
type Spent struct {
	Purse
	Sum
}

// Store keeps what was spent. Nodes that have one share their budgets. Its errors are
// faults.
type Store interface {
	// Spent is the sum of all that was added to the purse; zero for one never heard of.
	Spent(ctx context.Context, p Purse) (Sum, error)
	// Add adds to purses, all or none, and gives their new sums in that order. No purse
	// comes twice.
	Add(ctx context.Context, what []Spent) ([]Sum, error)
}

// Memory is a Store for a hub that has nothing to keep it in: it begins anew with the
// process. It knows the latest day and month of everybody.
type Memory struct {
	mu sync.Mutex
	// latest is by purse without its beginning.
	latest map[Purse]Spent
}

// NewMemory makes a Memory of nothing spent.
func NewMemory() *Memory { return &Memory{latest: make(map[Purse]Spent)} }

// Spent is the sum of what was added.
func (m *Memory) Spent(_ context.Context, p Purse) (Sum, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.latest[p.timeless()]; s.Purse == p {
		return s.Sum, nil
	}
	return Sum{}, nil
}

// Add adds to the latest purses; what is over is over, and asked for no more.
func (m *Memory) Add(_ context.Context, what []Spent) ([]Sum, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := make([]Sum, len(what))
	for i, w := range what {
		last := m.latest[w.timeless()]
		if last.Purse == w.Purse {
			w.Sum = w.plus(last.Sum)
		}
		if !w.Starts.Before(last.Starts) {
			m.latest[w.timeless()] = w
		}
		sums[i] = w.Sum
	}
	return sums, nil
}

func (p Purse) timeless() Purse {
	p.Starts = time.Time{}
	return p
}

var _ Store = (*Memory)(nil)

// begins gives the first moment of the span at now, and the one after its last.
func (s Span) begins(now time.Time, zone *time.Location) (from, until time.Time) {
	y, m, d := now.In(zone).Date()
	if s == Month {
		return midnight(y, m, 1, zone), midnight(y, m+1, 1, zone)
	}
	return midnight(y, m, d, zone), midnight(y, m, d+1, zone)
}

// midnight is when a day begins. Where clocks are put forward at midnight there is
// none, and time.Date may give the day before.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if noon := time.Date(y, m, d, 12, 0, 0, 0, zone); t.Day() != noon.Day() {
		t = t.Add(time.Hour)
	}
	return t
}
