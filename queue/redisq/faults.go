package redisq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func closed(op string) error { return fault.New(fault.Retryable, op, queue.ErrClosed) }

func stale(op string) error { return fault.New(fault.Retryable, op, queue.ErrStale) }

func misuse(op, what string) error { return fault.New(fault.Bug, op, errors.New(what)) }

func refuse(op, why string) error { return fault.New(fault.NeedsHuman, op, errors.New(why)) }

// classify gives an error of Redis its class. A refusal of the server changed
// nothing; after any other error nobody knows whether the script ran.
func (e *Engine) classify(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if e.isClosed() || errors.Is(err, redis.ErrClosed) {
		return closed(op)
	}
	return classify(op, err)
}

func classify(op string, err error) error {
	var refused redis.Error
	if errors.As(err, &refused) {
		return classifyRefusal(op, err, refused.Error())
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fault.New(fault.Retryable, op, fmt.Errorf("cannot reach Redis: %w", err))
	}
	if errors.Is(err, context.Canceled) {
		return fault.New(fault.Retryable, op, err, fault.Unsure())
	}
	return fault.New(fault.Retryable, op, fmt.Errorf("no answer from Redis: %w", err), fault.Unsure())
}

// classifyRefusal reads the first word of an error reply, which is its code.
func classifyRefusal(op string, err error, text string) error {
	code, _, _ := strings.Cut(text, " ")
	switch code {
	case "OOM":
		return fault.New(fault.Retryable, op, fmt.Errorf("%w: %w", queue.ErrFull, err))
	case "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "BUSY", "MISCONF", "MOVED", "ASK", "CROSSSLOT", "UNBLOCKED", "NOSCRIPT":
		return fault.New(fault.Retryable, op, err)
	case "NOAUTH", "WRONGPASS", "NOPERM":
		return fault.New(fault.NeedsHuman, op, fmt.Errorf("Redis refuses this user or password: %w", err))
	}
	if strings.Contains(text, "max number of clients") {
		return fault.New(fault.Retryable, op, err)
	}
	return fault.New(fault.Bug, op, err)
}
