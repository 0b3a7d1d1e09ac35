package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
)

// ErrFull says that the memory that Redis may use is full.
var ErrFull = errors.New("the memory of Redis is full")

// Classify gives an error of Redis its class. A refusal of the server changed
// nothing; after any other error nobody knows whether the command ran.
func Classify(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
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

// classifyRefusal reads an error reply, whose first word is its code. What is not
// known here is tried again: nothing accepted may be given up for it.
func classifyRefusal(op string, err error, text string) error {
	code, _, _ := strings.Cut(text, " ")
	switch {
	case code == "OOM":
		return fault.New(fault.Retryable, op, fmt.Errorf("%w: %w", ErrFull, err))
	// A connection without a password may not even send a long command.
	case code == "NOAUTH", code == "WRONGPASS", code == "NOPERM", strings.Contains(text, "unauthenticated"):
		return fault.New(fault.NeedsHuman, op, fmt.Errorf("this user or password is refused by Redis: %w", err))
	default:
		return fault.New(fault.Retryable, op, err)
	}
}
