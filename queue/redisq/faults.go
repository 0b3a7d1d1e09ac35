package redisq

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/redisconn"
	"github.com/parley-hub/parley/queue"
)

func closed(op string) error { return fault.New(fault.Retryable, op, queue.ErrClosed) }

func stale(op string) error { return fault.New(fault.Retryable, op, queue.ErrStale) }

func misuse(op, what string) error { return fault.New(fault.Bug, op, errors.New(what)) }

// refuse is for Open: only a human can help.
func refuse(why string) error { return fault.New(fault.NeedsHuman, "open queue", errors.New(why)) }

// classify gives an error of Redis its class, in the terms of package queue.
func (e *Engine) classify(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if e.isClosed() || errors.Is(err, redis.ErrClosed) {
		return closed(op)
	}
	err = redisconn.Classify(op, err)
	if errors.Is(err, redisconn.ErrFull) {
		return fault.New(fault.Retryable, op, fmt.Errorf("%w: %w", queue.ErrFull, err))
	}
	return err
}
