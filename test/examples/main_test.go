// Package examples runs the programs of skills/examples in a real hub, as operators install
// them and as people of several platforms use them.
package examples

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/test/hubtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		hubtest.Cleanup()
		os.Exit(code)
	}))
}
