package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-hub/parley/models"
)

// Schedule is when peaks are expected. It is immutable and safe for concurrent use.
type Schedule struct{ peaks []models.PrewarmConfig }

// NewSchedule takes valid entries; fallback is the pool of those that name none.
func NewSchedule(peaks []models.PrewarmConfig, fallback string) *Schedule {
	s := &Schedule{peaks: slices.Clone(peaks)}
	for i, p := range s.peaks {
		s.peaks[i] = p.WithDefaults()
		s.peaks[i].Pool = cmp.Or(p.Pool, fallback)
	}
	return s
}

// Minimum is how many workers of a pool are to be warm at now: the most that one of its
// peaks asks for, 0 where none does.
func (s *Schedule) Minimum(pool string, now time.Time) int {
	most := 0
	for _, p := range s.peaks {
		if p.Pool == pool && p.Workers > most && p.Active(now) {
			most = p.Workers
		}
	}
	return most
}
