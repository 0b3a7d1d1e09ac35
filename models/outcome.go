package models

import (
	"context"
	"errors"

	"github.com/parley-hub/parley/core/fault"
)

// What a request can fail of besides its transport. Faults of a worker's client wrap
// them.
var (
	// ErrLoading: the worker lives, but its model is still being loaded.
	ErrLoading = errors.New("the model is still loading")
	// ErrNoModel: the worker does not serve the model it was asked for.
	ErrNoModel = errors.New("the worker does not serve the model")
	// ErrOverflow: the prompt is longer than the model's context.
	ErrOverflow = errors.New("the prompt is longer than the model's context")
	// ErrWrongModel: another model answered than was asked.
	ErrWrongModel = errors.New("another model answered")
	// ErrBadCall: the model asked for a tool in a way that nobody can read. Asking it
	// again may help, another worker is not needed for it.
	ErrBadCall = errors.New("the model's tool call cannot be read")
	// ErrNoContinue: Request.Prefix was set for a worker that cannot continue.
	ErrNoContinue = errors.New("the worker cannot take up an answer")
)

// Culprit is who made a request fail.
type Culprit uint8

// The culprits.
const (
	// BlameNobody: nothing was learned about the worker's health. The caller left, the
	// worker asked for patience (429, 503 with Retry-After), is loading, refuses our key,
	// or the model said nonsense. Whoever counts failures counts neither a failure nor a
	// success.
	BlameNobody Culprit = iota
	// BlameWorker: refused or reset connection, 5xx, a cut stream, an error in the
	// stream, a deadline, another model's answer. This opens a breaker.
	BlameWorker
	// BlameRequest: the worker did right to refuse it (4xx, a prompt too long, 5xx whose
	// words are about the request). It must never count against the worker: the same
	// request fails everywhere, and would take all of them out.
	BlameRequest
)

// String is the culprit's name in logs and metrics.
func (c Culprit) String() string {
	switch c {
	case BlameWorker:
		return "worker"
	case BlameRequest:
		return "request"
	default:
		return "nobody"
	}
}

// blamed is an error whose culprit is known better than its class tells.
type blamed struct {
	err     error
	culprit Culprit
}

func (b *blamed) Error() string { return b.err.Error() }
func (b *blamed) Unwrap() error { return b.err }

// Blamed marks the cause of a fault with its culprit, for Blame.
func Blamed(c Culprit, err error) error { return &blamed{err, c} }

// Blame reads who made a request fail: whoever a client marked (Blamed), else what the
// fault's class says. A Retryable fault is the worker's, a Permanent one the request's;
// to be told to wait, to need a human and a cancelled context are nobody's. nil is
// nobody's.
func Blame(err error) Culprit {
	var known *blamed
	if errors.As(err, &known) {
		return known.culprit
	}
	switch class := fault.ClassOf(err); {
	case errors.Is(err, context.Canceled):
		return BlameNobody
	case class == fault.Permanent:
		return BlameRequest
	case class == fault.Retryable && classified(err):
		return BlameWorker
	default:
		return BlameNobody
	}
}

// classified tells a fault from a bare context's end, which is Retryable too.
func classified(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
