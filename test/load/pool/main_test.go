package pool_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	table = flag.Bool("table", false, "measure, and print the table")
	seed  = flag.Uint64("seed", 1, "what the requests and the faults are drawn from")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
