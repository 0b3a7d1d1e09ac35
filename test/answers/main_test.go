package answers

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/test/hubtest"
)

var (
	duration = flag.Duration("duration", 5*time.Second, "how long faults happen")
	seed     = flag.Uint64("seed", 0, "of the faults and of what people do; 0 draws one")
	people   = flag.Int("people", 4, "how many people of each platform talk")
	only     = flag.String("faults", "", "the faults, by name, with commas between; all when empty")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		hubtest.Cleanup()
		os.Exit(code)
	}))
}
