package alone

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// series implements cluster.Series.
type series struct {
	mu sync.Mutex
	// count numbers the entries of all series, so that a cursor of one that was gone will do.
	count uint64
	all   map[string][]serial
}

// serial is an entry of a series.
type serial struct {
	at    string
	value []byte
	until time.Time
}

func newSeries() series { return series{all: map[string][]serial{}} }

var _ cluster.Series = (*Engine)(nil)

// Append implements cluster.Series.
func (s *series) Append(ctx context.Context, name string, value []byte, ttl time.Duration) (before, at string, err error) {
	if err := checkSeries(ctx, name, value, ttl); err != nil {
		return "", "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, held := range s.all {
		if held = slices.DeleteFunc(held, func(e serial) bool { return !now.Before(e.until) }); len(held) == 0 {
			delete(s.all, other)
		} else {
			s.all[other] = held
		}
	}
	held, bytes := s.all[name], len(value)
	if len(held) > 0 {
		before = held[len(held)-1].at
	}
	for _, e := range held {
		bytes += len(e.value)
	}
	for len(held) >= cluster.MaxSeries || bytes > cluster.MaxSeriesBytes {
		bytes -= len(held[0].value)
		held = held[1:]
	}
	s.count++
	at = fmt.Sprintf("%020d", s.count)
	s.all[name] = append(held, serial{at, slices.Clone(value), now.Add(ttl)})
	return before, at, nil
}

// Since implements cluster.Series.
func (s *series) Since(ctx context.Context, name, after string, tell func(at string, value []byte, left time.Duration)) error {
	if err := checkSeries(ctx, name, nil, time.Second); err != nil {
		return err
	}
	s.mu.Lock()
	held := slices.Clone(s.all[name])
	s.mu.Unlock()
	now := time.Now()
	for _, e := range held {
		if e.at > after && now.Before(e.until) {
			tell(e.at, slices.Clone(e.value), e.until.Sub(now))
		}
	}
	return nil
}

// checkSeries refuses what no engine takes; one whose context ended would not be asked
// either.
func checkSeries(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	if err := cluster.CheckSeries(name, value, ttl); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, "series", err)
	}
	return nil
}
