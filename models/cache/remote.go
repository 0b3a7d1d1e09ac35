package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// remoteWithin bounds a call of the remote: an answer that is not there by then is
	// better asked of a worker.
	remoteWithin = 250 * time.Millisecond
	// remoteRest is how long a remote that failed is left alone.
	remoteRest = time.Second
)

// Remote is a store that nodes share. Its errors are faults; without it a Cache goes on
// alone. What is put there holds what people were told.
type Remote interface {
	// Get gives a value that was put and is still kept; ok is false where there is none.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Put keeps a value for some time, in place of the one before.
	Put(ctx context.Context, key string, value []byte, keep time.Duration) error
}

var errAway = errors.New("the remote cache failed a moment ago")

// shared is a Remote that is let alone for a while after it failed.
type shared struct {
	r Remote
	// away is until when, in nanoseconds since 1970.
	away atomic.Int64
}

func (s *shared) get(ctx context.Context, key string) ([]byte, bool, error) {
	if time.Now().UnixNano() < s.away.Load() {
		return nil, false, fault.New(fault.Retryable, "read cache", errAway)
	}
	within, cancel := context.WithTimeout(ctx, remoteWithin)
	defer cancel()
	value, ok, err := s.r.Get(within, key)
	s.judge(ctx, err)
	return value, ok, err
}

func (s *shared) put(ctx context.Context, key string, value []byte, keep time.Duration) error {
	if time.Now().UnixNano() < s.away.Load() {
		return fault.New(fault.Retryable, "write cache", errAway)
	}
	within, cancel := context.WithTimeout(ctx, remoteWithin)
	defer cancel()
	err := s.r.Put(within, key, value, keep)
	s.judge(ctx, err)
	return err
}

// judge blames the remote for an error, unless it was the caller who left.
func (s *shared) judge(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.away.Store(time.Now().Add(remoteRest).UnixNano())
	}
}

func answerKey(k key) string { return "answer/" + k.String() }

// fetch gives an answer that any node kept.
func (c *Cache) fetch(ctx context.Context, k key) *answer {
	if c.remote == nil {
		return nil
	}
	value, ok, err := c.remote.get(ctx, answerKey(k))
	if err != nil {
		c.tell("reading the remote cache", err)
	}
	if err != nil || !ok {
		return nil
	}
	var a answer
	if err := json.Unmarshal(value, &a); err != nil || a.state(time.Now()) == gone {
		if err != nil {
			c.tell("reading the remote cache", fault.New(fault.Permanent, "decode answer", fmt.Errorf("%d bytes: %w", len(value), err)))
		}
		return nil
	}
	return &a
}

// publish gives an answer to all nodes.
func (c *Cache) publish(ctx context.Context, k key, a *answer) {
	if c.remote == nil {
		return
	}
	value, err := json.Marshal(a)
	if err != nil {
		c.tell("writing the remote cache", fault.New(fault.Bug, "encode answer", err))
		return
	}
	if err := c.remote.put(ctx, answerKey(k), value, time.Until(a.Stale)); err != nil {
		c.tell("writing the remote cache", err)
	}
}

// tell logs that the remote is of no use now, once for each rest that it gets. Requests
// do not depend on it.
func (c *Cache) tell(what string, err error) {
	if !errors.Is(err, errAway) {
		c.o.Log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg(what)
	}
}
