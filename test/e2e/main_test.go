// Package e2e runs the real hub against the platform simulator and a fake model
// worker, and looks at what people see in their chats and what operators see in
// logs, probes and exit codes.
package e2e

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/test/hubtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests mostly wait for each other's processes, not for a processor.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		hubtest.Cleanup()
		os.Exit(code)
	}))
}
