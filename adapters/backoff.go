package adapters

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff gives the wait after the attempt-th failure in a row, counted from 1.
type Backoff func(attempt int) time.Duration

// Doubling starts at first and doubles up to most. A fifth of each wait is left
// to chance, so that what broke together does not come back together.
func Doubling(first, most time.Duration) Backoff {
	return func(attempt int) time.Duration {
		wait := most
		if shift := max(attempt-1, 0); shift < 30 && first<<shift < most {
			wait = first << shift
		}
		return jitter(wait)
	}
}

// jitter gives a wait between four and five fifths of d.
func jitter(d time.Duration) time.Duration {
	fifth := d / 5
	if fifth <= 0 {
		return d
	}
	return d - rand.N(fifth) //nolint:gosec // spreads waits, protects nothing
}

// sleep waits for d or until ctx ends; it tells whether d passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
