package records

import (
	"context"
	"errors"

	"github.com/parley-hub/parley/core/fault"
)

// classify makes a fault of what the database says, nil of nil. An error that is
// a fault already keeps its class; own knows what the database says.
func classify(op string, err error, own func(op string, err error) error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return fault.New(fault.ClassOf(err), op, err)
	case errors.Is(err, ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Retryable, op, err)
	default:
		return own(op, err)
	}
}
