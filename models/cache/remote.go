package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxValue is the longest value that a Remote is given, in bytes; a longer answer stays
	// in the process.
	MaxValue = 64 << 10
	// readWithin bounds a read of the remote: an answer that is not there by then is
	// better asked of a worker. Nobody waits for a write.
	readWithin  = 500 * time.Millisecond
	writeWithin = 2 * time.Second
	// remoteRest is how long a remote that failed is left alone.
	remoteRest = time.Second
	// overhead is about what a value takes beside its bytes.
	overhead = 128
)

// Remote is a store that nodes share. Its errors are faults. What is put there holds what
// people were told.
type Remote interface {
	// Keep keeps a value for some time, in place of the one before.
	Keep(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Recall gives the values of keys, in their order; nil for one that is not kept.
	Recall(ctx context.Context, keys ...string) (values [][]byte, err error)
}

var (
	errAway  = errors.New("the remote cache failed a moment ago")
	errCount = errors.New("the remote cache gave another number of values than it was asked for")
)

// shared is a Remote that is let alone for a while after it failed.
type shared struct {
	r Remote
	// away is until when, in nanoseconds since 1970.
	away atomic.Int64
}

func (s *shared) recall(ctx context.Context, keys ...string) ([][]byte, error) {
	const op = "read cache"
	if time.Now().UnixNano() < s.away.Load() {
		return nil, fault.New(fault.Retryable, op, errAway)
	}
	within, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	values, err := s.r.Recall(within, keys...)
	if err == nil && len(values) != len(keys) {
		err = fault.New(fault.Bug, op, fmt.Errorf("%w: %d for %d", errCount, len(values), len(keys)))
	}
	s.judge(ctx, err)
	return values, err
}

func (s *shared) keep(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if time.Now().UnixNano() < s.away.Load() {
		return fault.New(fault.Retryable, "write cache", errAway)
	}
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	err := s.r.Keep(within, key, value, ttl)
	s.judge(ctx, err)
	return err
}

// judge blames the remote for an error, unless it was the caller who left.
func (s *shared) judge(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.away.Store(time.Now().Add(remoteRest).UnixNano())
	}
}

// allowance bounds the bytes that this process keeps in a remote: that is not the
// process's own, and has to have room for more important things.
type allowance struct {
	limit uint64

	mu   sync.Mutex
	sum  uint64
	kept []lodged
}

// lodged is a value until its time is over.
type lodged struct {
	until time.Time
	bytes uint64
}

// take tells whether there is room for a value, and takes it. All are kept as long, so the
// first one in is the first one out.
func (a *allowance) take(bytes uint64, now, until time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	over := 0
	for ; over < len(a.kept) && !a.kept[over].until.After(now); over++ {
		a.sum -= a.kept[over].bytes
	}
	a.kept = a.kept[over:]
	if a.sum+bytes > a.limit {
		return false
	}
	a.sum += bytes
	a.kept = append(a.kept, lodged{until, bytes})
	return true
}

func answerKey(k key) string { return "answer/" + k.String() }

// fetch gives an answer that any node kept.
func (c *Cache) fetch(ctx context.Context, k key) *answer {
	if c.remote == nil {
		return nil
	}
	values, err := c.remote.recall(ctx, answerKey(k))
	if err != nil {
		tell(c.o.Log, "reading the remote cache", err)
		return nil
	}
	if values[0] == nil {
		return nil
	}
	var a answer
	if err := json.Unmarshal(values[0], &a); err != nil || a.state(time.Now()) == gone {
		if err != nil {
			tell(c.o.Log, "reading the remote cache", fault.New(fault.Permanent, "decode answer", fmt.Errorf("%d bytes: %w", len(values[0]), err)))
		}
		return nil
	}
	return &a
}

// publish gives an answer to all nodes, where there is room for it.
func (c *Cache) publish(ctx context.Context, k key, a *answer) {
	if c.remote == nil {
		return
	}
	value, err := json.Marshal(a)
	if err != nil {
		tell(c.o.Log, "writing the remote cache", fault.New(fault.Bug, "encode answer", err))
		return
	}
	if len(value) > MaxValue || !c.room.take(uint64(len(value))+overhead, time.Now(), a.Stale) {
		return
	}
	if err := c.remote.keep(ctx, answerKey(k), value, time.Until(a.Stale)); err != nil {
		tell(c.o.Log, "writing the remote cache", err)
	}
}

// tell logs that the remote is of no use now, once for each rest that it gets. Requests
// do not depend on it.
func tell(log zerolog.Logger, what string, err error) {
	if !errors.Is(err, errAway) {
		log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg(what)
	}
}
