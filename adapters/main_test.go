package adapters_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// elapse lets so much time pass on the clock of a synctest bubble, which stands still
// while anybody works: what is due by then has happened, and no test waits for it. It is
// for tests whose subject is a length of time; outside of a bubble nothing may call it.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
