package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// Loads tells every node how busy the workers are that all of them use. Each node has
// counts of its own, exact and at once; of the others it needs to know only about. So it
// is a hint that may be old or missing, and nothing breaks without it: what is told is
// kept for LoadGoneAfter and no longer. Errors are faults, and Redis away is Retryable: who
// gets one goes on with what it knew, for as long as LoadsWeigh says.
// clustertest.Loads proves an implementation.
type Loads interface {
	// ShareLoads says what this node has under way at each worker, in place of what it
	// said before, and gives what the other nodes have, all of them together: one round
	// trip. Workers with nothing under way are left out, on both sides; a node that
	// has nothing at all says so by an empty map, before it leaves too. Half a request of a
	// silent node counts as a whole one.
	ShareLoads(ctx context.Context, own map[string]int) (elsewhere map[string]int, err error)
}

const (
	// LoadHalfAfter is how long a node may be silent until its counts weigh half: five of
	// its words are missing by then, and what it had under way has begun to end.
	LoadHalfAfter = time.Second
	// LoadGoneAfter is how long a node may be silent until its counts weigh nothing: it is
	// dead, and its workers see that its requests are cut.
	LoadGoneAfter = 3 * time.Second
	// MaxLoads is how many workers a node tells of at most.
	MaxLoads = 4096
	// MaxLoadName is how many bytes the name of one has at most.
	MaxLoadName = 256
)

// LoadsWeigh gives the halves that counts weigh which were told that long ago: 2, 1 or 0.
func LoadsWeigh(silent time.Duration) int {
	switch {
	case silent < LoadHalfAfter:
		return 2
	case silent < LoadGoneAfter:
		return 1
	}
	return 0
}

// CheckLoads refuses what is no set of counts, with a Bug fault.
func CheckLoads(own map[string]int) error {
	const op = "share loads"
	if len(own) > MaxLoads {
		return fault.New(fault.Bug, op, fmt.Errorf("%d workers are too many", len(own)))
	}
	for worker, n := range own {
		if worker == "" || len(worker) > MaxLoadName {
			return fault.New(fault.Bug, op, errors.New("a worker without a name, or with too long a one"))
		}
		if n < 0 {
			return fault.New(fault.Bug, op, fmt.Errorf("%s has %d under way", worker, n))
		}
	}
	return nil
}
