package protocol

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// The bounds of a fault's words, in bytes.
const (
	maxFaultText   = 2048
	maxFaultPublic = 1024
)

// The classes that are no fault's.
const (
	canceled = "canceled"
	deadline = "deadline"
)

// EncodeFault writes an error; nil for none.
func EncodeFault(err error) *Fault {
	if err == nil {
		return nil
	}
	f := &Fault{
		Class: fault.ClassOf(err).String(), Text: cut(err.Error(), maxFaultText), Public: cut(fault.Public(err), maxFaultPublic),
		Wait: int64(fault.Wait(err)), Ref: valid(fault.Ref(err)), Unsure: fault.IsUnsure(err),
		Denied: errors.Is(err, skills.ErrDenied), Full: errors.Is(err, skills.ErrFull),
	}
	switch {
	case errors.Is(err, context.Canceled):
		f.Class = canceled
	case errors.Is(err, context.DeadlineExceeded):
		f.Class = deadline
	}
	return f
}

// said is the text of an error of the other side, with what it stands for.
type said struct {
	text string
	is   []error
}

// Error implements error.
func (s said) Error() string { return s.text }

// Unwrap lets errors.Is find what it stands for.
func (s said) Unwrap() []error { return s.is }

// Err makes the error again: one with the same class, words and meaning; nil for none.
// What the other side says is bounded and never trusted to be a class.
func (x *Fault) Err() error {
	if x == nil {
		return nil
	}
	cause := said{text: cut(x.GetText(), maxFaultText)}
	class, known := classes[x.GetClass()]
	switch {
	case x.GetClass() == canceled:
		class, cause.is = fault.Retryable, append(cause.is, context.Canceled)
	case x.GetClass() == deadline:
		class, cause.is = fault.Retryable, append(cause.is, context.DeadlineExceeded)
	case !known:
		class = fault.Bug
	}
	if x.GetDenied() {
		cause.is = append(cause.is, skills.ErrDenied)
	}
	if x.GetFull() {
		cause.is = append(cause.is, skills.ErrFull)
	}
	options := []fault.Option{fault.WithPublic(cut(x.GetPublic(), maxFaultPublic)), fault.WithWait(max(0, time.Duration(x.GetWait())))}
	if ref := x.GetRef(); ref != "" && len(ref) <= maxRef {
		options = append(options, fault.WithRef(ref))
	}
	if x.GetUnsure() {
		options = append(options, fault.Unsure())
	}
	return fault.New(class, "", cause, options...)
}

// maxRef bounds a reference, which people are shown.
const maxRef = 16

var classes = map[string]fault.Class{
	fault.Retryable.String():   fault.Retryable,
	fault.RateLimited.String(): fault.RateLimited,
	fault.NeedsHuman.String():  fault.NeedsHuman,
	fault.Permanent.String():   fault.Permanent,
	fault.Bug.String():         fault.Bug,
}

// cut bounds a text to n bytes.
func cut(text string, n int) string {
	if len(text) > n {
		text = text[:n]
	}
	return valid(text)
}
