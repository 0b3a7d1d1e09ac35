package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxValue is the longest value that a Remote is given, in bytes; a longer answer stays
	// in the process.
	MaxValue = 64 << 10
	// MaxEntry is the longest value that a Remote is given for a series, in bytes.
	MaxEntry = 16 << 10
	// readWithin bounds a read of the remote: an answer that is not there by then is
	// better asked of a worker. Nobody waits for a write.
	readWithin  = 500 * time.Millisecond
	writeWithin = 2 * time.Second
	// remoteRest is how long a remote that failed is left alone.
	remoteRest = time.Second
)

// Remote is a store that nodes share. Its errors are faults. What is put there holds what
// people were told.
type Remote interface {
	// Keep keeps a value for some time, in place of the one before.
	Keep(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Recall gives the values of keys, in their order; nil for one that is not kept.
	Recall(ctx context.Context, keys ...string) (values [][]byte, err error)
	// Append puts a value behind the others of a series, for some time. Who had read up to
	// before, which is empty for nothing, has read up to at when it knows this one.
	Append(ctx context.Context, series string, value []byte, ttl time.Duration) (before, at string, err error)
	// Since tells of what is in a series behind a place, from the beginning for an empty
	// one: where each value is, and how long it is still kept.
	Since(ctx context.Context, series, after string, tell func(at string, value []byte, left time.Duration)) error
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

func (s *shared) recall(ctx context.Context, keys ...string) (values [][]byte, err error) {
	const op = "read cache"
	err = s.try(ctx, op, readWithin, func(ctx context.Context) error {
		values, err = s.r.Recall(ctx, keys...)
		if err == nil && len(values) != len(keys) {
			err = fault.New(fault.Bug, op, fmt.Errorf("%w: %d for %d", errCount, len(values), len(keys)))
		}
		return err
	})
	return values, err
}

func (s *shared) keep(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.try(ctx, "write cache", writeWithin, func(ctx context.Context) error { return s.r.Keep(ctx, key, value, ttl) })
}

func (s *shared) append(ctx context.Context, series string, value []byte, ttl time.Duration) (before, at string, err error) {
	err = s.try(ctx, "write cache", writeWithin, func(ctx context.Context) error {
		before, at, err = s.r.Append(ctx, series, value, ttl)
		return err
	})
	return before, at, err
}

func (s *shared) since(ctx context.Context, series, after string, tell func(at string, value []byte, left time.Duration)) error {
	return s.try(ctx, "read cache", readWithin, func(ctx context.Context) error { return s.r.Since(ctx, series, after, tell) })
}

// try asks the remote, unless it failed a moment ago. It is blamed for an error, but not
// when it was the caller who left.
func (s *shared) try(ctx context.Context, op string, d time.Duration, ask func(context.Context) error) error {
	if time.Now().UnixNano() < s.away.Load() {
		return fault.New(fault.Retryable, op, errAway)
	}
	within, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := ask(within)
	if err != nil && ctx.Err() == nil {
		s.away.Store(time.Now().Add(remoteRest).UnixNano())
	}
	return err
}

func answerKey(k key) string { return "answer/" + k.String() }

// answer gives one that any node kept; nil for none, with an error where it cannot be
// known.
func (s *shared) answer(ctx context.Context, k key) (*answer, error) {
	values, err := s.recall(ctx, answerKey(k))
	if err != nil || values[0] == nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(values[0], &a); err != nil {
		return nil, fault.New(fault.Permanent, "decode answer", fmt.Errorf("%d bytes: %w", len(values[0]), err))
	}
	if a.state(time.Now()) == gone {
		return nil, nil
	}
	return &a, nil
}

// fetch gives an answer that any node kept.
func (c *Cache) fetch(ctx context.Context, k key) *answer {
	if c.remote == nil {
		return nil
	}
	a, err := c.remote.answer(ctx, k)
	if err != nil {
		tell(c.o.Log, "reading the remote cache", err)
	}
	return a
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
	if len(value) > MaxValue || !c.o.Room.take(len(value)+overhead, time.Now(), a.Stale) {
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
