package whatsapp_test

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

// TestDeepLink: the chat opens with the command written, by the number that Meta shows.
func TestDeepLink(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	remove := s.sim.Inject(simulator.Fault{Kind: simulator.FaultError, Status: 503, Code: 131016}).Remove
	if got, err := a.DeepLink(t.Context(), core.Command{Name: "link"}); fault.ClassOf(err) != fault.Retryable || got != "" {
		t.Errorf("while Meta is away: %q, %v", got, err)
	}
	remove()
	s.sim.AddNumber(simulator.Number{ID: number, Display: "+1 555-078-3881", Name: "Parley", Token: token, AppSecret: appSecret})
	for range 2 { // the second time nobody is asked
		got, err := a.DeepLink(t.Context(), core.Command{Name: "link", Args: "K7QM 3HXT&x"})
		if want := "https://wa.me/15550783881?text=%2Flink%20K7QM%203HXT%26x"; err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
