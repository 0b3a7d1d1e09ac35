package crash

import (
	"context"
	"fmt"
	"testing"

	simulator "github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/test/hubtest"
)

const discordToken = "crash-test-token-of-no-real-bot"

// discord is the gateway.
type discord struct {
	sim    *simulator.Server
	api    string
	people []string
	rooms  []string
}

func newDiscord(t *testing.T, people, each int) platform {
	sim := simulator.New(simulator.Options{Token: discordToken, ApplicationID: "100", MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	p := &discord{sim: sim}
	for c := range people {
		id := sim.AddUser(fmt.Sprint("P", c))
		p.people, p.rooms = append(p.people, id), append(p.rooms, sim.OpenDM(id))
	}
	return p
}

func (p *discord) serve(t *testing.T, _ string) { p.api = hubtest.Serve(t, p.sim) }

func (p *discord) connect(*testing.T) {}

func (p *discord) channels() string {
	return fmt.Sprintf(`{discord: {mode: gateway, token: %q, application_id: "100", api_url: %q, limits: {account: {count: 0}, chat: {count: 0}}}}`,
		discordToken, p.api)
}

func (p *discord) say(c int, text string) error {
	_, err := p.sim.Say(p.rooms[c], p.people[c], text)
	return err
}

func (p *discord) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(p.rooms[c]) {
		if m.ByBot {
			out = append(out, m.Content)
		}
	}
	return out
}

func (p *discord) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *discord) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	out := make(chan struct{}, 1<<16)
	go func() {
		for e := range sub.C {
			if e.Kind == simulator.EventMessage && e.Message != nil && e.Message.ByBot {
				out <- struct{}{}
			}
		}
	}()
	return out, sub.Close
}

func (p *discord) exact() bool { return true }
