package crash

import (
	"context"
	"fmt"
	"testing"

	simulator "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

const (
	telegramToken = "4242:crash-test-token-of-no-real-bot"
	telegramBot   = 4242
)

// telegram is polled. It cannot tell what was sent; so that a kill doubles one
// message at most, messages are sent one at a time.
type telegram struct {
	sim *simulator.Server
	endpoint
}

func newTelegram(t *testing.T, people, each int) platform {
	sim := simulator.New(simulator.Options{MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	sim.AddBot(telegramToken, telegramBot, "crash_bot", "Crash")
	p := &telegram{sim: sim}
	for c := range people {
		sim.AddUser(simulator.User{ID: p.person(c), FirstName: fmt.Sprint("P", c)})
		if err := sim.OpenPrivate(telegramBot, p.person(c)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *telegram) person(c int) int64 { return int64(10_000 + c) }

func (p *telegram) serve(t *testing.T, _ string) { p.api = hubtest.Serve(t, p.sim) }

func (p *telegram) connect(*testing.T) {}

func (p *telegram) channels() string {
	return fmt.Sprintf(`{telegram: {token: %q, api_url: %q, send_overlap: 1s, limits: {account: {count: 0}, chat: {count: 0}}}}`,
		telegramToken, p.api)
}

func (p *telegram) say(c int, text string) error {
	_, err := p.sim.Say(p.person(c), text)
	return err
}

func (p *telegram) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(telegramBot, p.person(c)) {
		if m.ByBot != 0 {
			out = append(out, m.Text)
		}
	}
	return out
}

func (p *telegram) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *telegram) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	return signals(sub.C, func(e simulator.Event) bool {
		return e.Kind == simulator.EventMessage && e.Message.ByBot != 0
	}), sub.Close
}

func (p *telegram) exact() bool { return false }

func (p *telegram) storm(calls int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "sendMessage", Count: calls, RetryAfter: 1})
}

func (p *telegram) repeat(events int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Count: events})
}
