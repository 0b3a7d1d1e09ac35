package skills

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/parley-hub/parley/core/fault"
)

// maxPanicText bounds what a panic's value may add to an error.
const maxPanicText = 512

// Recover makes a panic of the handler a Bug: the turn is given up, the process
// lives on. The stack goes to the turn's log under the fault's reference. A panic
// in a goroutine that the handler started is out of its reach.
func Recover() Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = panicked(t, v, debug.Stack())
				}
			}()
			return next.Handle(ctx, t, w)
		})
	}
}

func panicked(t *Turn, value any, stack []byte) error {
	words := fmt.Sprint(value)
	if len(words) > maxPanicText {
		words = words[:maxPanicText]
	}
	ref := fault.NewRef()
	t.Log.Error().Str("ref", ref).Str("panic", words).Bytes("stack", stack).Msg("skill panicked")
	return fault.New(fault.Bug, "skill panicked", fmt.Errorf("panic: %s", words), fault.WithRef(ref))
}
