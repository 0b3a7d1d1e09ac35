package skills

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// ErrTooLong is in the chain of the fault of a turn that took longer than its skill may.
var ErrTooLong = errors.New("skill took too long")

var tooLong = Phrase{
	"en": "That took too long.",
	"de": "Das hat zu lange gedauert.",
}

// Timeout bounds one turn by the manifest's timeout, or by otherwise when the
// manifest has none; 0 in both is no bound. A turn that fails because its time is
// up fails for good, with words for the person: running it again would take as
// long. A turn cancelled from outside (the hub drains) keeps its own error.
//
// The handler is told through its context and is expected to return soon after.
func Timeout(m Manifest, otherwise time.Duration) Middleware {
	limit := m.Timeout
	if limit <= 0 {
		limit = otherwise
	}
	return func(next Handler) Handler {
		if limit <= 0 {
			return next
		}
		return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) error {
			bounded, cancel := context.WithTimeoutCause(ctx, limit, ErrTooLong)
			defer cancel()
			err := next.Handle(bounded, t, w)
			if err == nil || ctx.Err() != nil || !errors.Is(context.Cause(bounded), ErrTooLong) {
				return err
			}
			return fault.New(fault.Permanent, "skill "+m.Name, errors.Join(ErrTooLong, err),
				fault.WithPublic(tooLong.In(t.Envelope.From.Language)))
		})
	}
}
