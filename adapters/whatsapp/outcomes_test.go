package whatsapp

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
)

// How long a piece waits for a proof: the grace, or three times that when a process
// before this one sent it; the looks come often at first.
func TestHowLongAPieceIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sent bool
		want time.Duration
	}{"sent by this process": {true, 20 * time.Second}, "sent before": {false, time.Minute}} {
		clock := time.Unix(1000, 0)
		o := newOutcomes("wa", adapters.MemoryOf(adapters.Settings{}), 20*time.Second, func() time.Time { return clock })
		if tc.sent {
			o.begin("e.0#0", "trace")(inDoubt)
		}
		began := clock
		for looks := 0; ; looks++ {
			message, _, wait, err := o.look(t.Context(), "e.0#0")
			if err != nil || message != "" || wait > mostLook || (looks == 0 && wait != leastLook) || looks > 100 {
				t.Fatalf("%s: look %d: %q, wait %v", name, looks, message, wait)
			}
			if wait == 0 {
				break
			}
			clock = clock.Add(wait)
		}
		if got := clock.Sub(began); got != tc.want {
			t.Errorf("%s: certain after %v, want %v", name, got, tc.want)
		}
	}
}
