package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxSeries is how many entries a series holds: the oldest leave for a new one.
	MaxSeries = 1000
	// MaxSeriesBytes is how many bytes of values it holds, in the same way.
	MaxSeriesBytes = 4 << 20
	// MaxSeriesEntry is the longest value of an entry, in bytes.
	MaxSeriesEntry = 16 << 10
	// MaxSeriesLife is how long an entry may be kept.
	MaxSeriesLife = MaxCachedLife
	// SeriesPage is how many entries come in one round trip.
	SeriesPage = 64
)

// Series keeps for all nodes what each of them adds, in one order, so that who has read
// it reads only what came since. Like a Cache it is for what can be made anew; a series
// whose entries are all over is gone. An entry is visible to every call that begins after
// Append returned. Errors are faults, and never Unsure: an entry that is appended twice is
// there twice. Cursors are the engine's; the empty one is before all entries. A hub alone
// needs none. clustertest.Series proves an implementation.
type Series interface {
	// Append puts a value behind the others of a series, for ttl by the clock of the
	// engine, in one round trip. Who had read up to before, which is empty where there was
	// nothing, has read up to at when it knows this one.
	Append(ctx context.Context, name string, value []byte, ttl time.Duration) (before, at string, err error)
	// Since tells of the entries behind a cursor, oldest first, except those whose time is
	// over: where each is, and how long it is still kept. It is one round trip, and one
	// for each further SeriesPage of them. With an error, what was told is right all the
	// same. A cursor of before the series was gone, or of an entry that left, will do.
	Since(ctx context.Context, name, after string, tell func(at string, value []byte, left time.Duration)) error
}

// CheckSeries tells of an entry that no Series takes, as a Bug.
func CheckSeries(name string, value []byte, ttl time.Duration) error {
	var err error
	switch {
	case name == "" || len(name) > MaxCachedKey:
		err = errors.New("a series without a name, or with too long a one")
	case len(value) > MaxSeriesEntry:
		err = fmt.Errorf("%d bytes in an entry; at most %d are kept", len(value), MaxSeriesEntry)
	case ttl <= 0 || ttl > MaxSeriesLife:
		err = fmt.Errorf("an entry for %v; at most %v", ttl, MaxSeriesLife)
	default:
		return nil
	}
	return fault.New(fault.Bug, "series", err)
}
