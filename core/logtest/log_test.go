package logtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-hub/parley/core/logtest"
)

// Somebody who waits misses no line, even one that is written while the last is looked at.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Log
		for n := range 100 {
			go func() { _, _ = fmt.Fprintf(&log, "line %d\n", n) }()
		}
		if err := log.Wait(t.Context(), func() bool { return strings.Count(log.String(), "\n") == 100 }); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := log.Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
