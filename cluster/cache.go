package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxCached is the longest value of a Cache, in bytes.
	MaxCached = 64 << 10
	// MaxCachedKey is its longest key, in bytes.
	MaxCachedKey = 1 << 10
	// MaxCachedLife is how long a value may be kept.
	MaxCachedLife = 31 * 24 * time.Hour
)

// Cache keeps for all nodes what can be made anew: a value that is lost costs the time to
// make it. What is kept is visible to every call that begins after Keep returned. Each call
// is one round trip at most. Errors are faults, and never Unsure: to make a call again is
// harmless. A hub alone needs none. clustertest.Cache proves an implementation.
type Cache interface {
	// Keep keeps a value for ttl, in place of the one before.
	Keep(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Recall gives the values of keys, in their order; nil for one that is not kept.
	Recall(ctx context.Context, keys ...string) (values [][]byte, err error)
}

// CheckCached tells of what no Cache takes, as a Bug.
func CheckCached(key string, value []byte, ttl time.Duration) error {
	var err error
	switch {
	case key == "" || len(key) > MaxCachedKey:
		err = errors.New("a value without a key, or with too long a one")
	case len(value) > MaxCached:
		err = fmt.Errorf("%d bytes in a value; at most %d are kept", len(value), MaxCached)
	case ttl <= 0 || ttl > MaxCachedLife:
		err = fmt.Errorf("a value for %v; at most %v", ttl, MaxCachedLife)
	default:
		return nil
	}
	return fault.New(fault.Bug, "cache", err)
}
