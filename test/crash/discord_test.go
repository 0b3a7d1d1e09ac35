package crash

import (
	"context"
	"fmt"
	"testing"
	"time"

	simulator "github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/test/hubtest"
)

const discordToken = "crash-test-token-of-no-real-bot"

// discord is the gateway.
type discord struct {
	sim *simulator.Server
	endpoint
	people []string
	rooms  []string
}

func newDiscord(t *testing.T, people, each int) platform {
	return openDiscord(t, people, each, 0, simulator.Options{})
}

// openDiscord opens one in which so many strangers were before the people. An id is a
// time: two simulators that are made at once would have the same people otherwise.
func openDiscord(t *testing.T, people, each, strangers int, o simulator.Options) *discord {
	o.Token, o.ApplicationID, o.MaxMessages, o.MaxCalls = discordToken, "100", 4*each+100, 100
	sim := simulator.New(o)
	t.Cleanup(sim.Close)
	p := &discord{sim: sim}
	for range strangers {
		sim.AddUser("nobody")
	}
	for c := range people {
		id := sim.AddUser(fmt.Sprint("P", c))
		p.people, p.rooms = append(p.people, id), append(p.rooms, sim.OpenDM(id))
	}
	return p
}

func (p *discord) serve(t *testing.T, _ string) { p.api = hubtest.Serve(t, p.sim) }

func (p *discord) connect(*testing.T) {}

func (p *discord) channels() string {
	return fmt.Sprintf(`{discord-gateway: {platform: discord, mode: gateway, token: %q, application_id: "100", api_url: %q, limits: {account: {count: 0}, chat: {count: 0}}}}`,
		discordToken, p.api)
}

func (p *discord) say(c int, text string) error {
	_, err := p.sim.Say(p.rooms[c], p.people[c], text)
	return err
}

func (p *discord) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(p.rooms[c]) {
		if m.ByBot && !m.Thinking {
			out = append(out, m.Content)
		}
	}
	return out
}

func (p *discord) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *discord) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	return signals(sub.C, func(e simulator.Event) bool {
		return e.Message != nil && e.Message.ByBot && !e.Message.Thinking && (e.Kind == simulator.EventMessage || e.Kind == simulator.EventEdited)
	}), sub.Close
}

func (p *discord) exact() bool { return true }

// interactions is the mode in which Discord calls the hub. What the hub did not take while it
// was down Discord would not tell again; here it does, or most of it would be lost.
type interactions struct {
	*discord
	hub string
}

func newInteractions(t *testing.T, people, each int) platform {
	return &interactions{discord: openDiscord(t, people, each, 2*people, simulator.Options{
		RepeatInteractions: 20 * time.Millisecond,
		// An answer that comes after three seconds is none, and its reply is written where the
		// chat ends. That a busy machine takes longer is not what is tried here.
		AnswerWithin: time.Minute,
	})}
}

func (p *interactions) serve(t *testing.T, hub string) {
	p.discord.serve(t, hub)
	p.hub = hub
}

func (p *interactions) connect(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.sim.Wait(ctx, func() bool { return len(p.sim.Commands()) > 0 }); err != nil {
		t.Fatal(err)
	}
	if err := p.sim.SetEndpoint(p.hub + "/webhooks/discord"); err != nil {
		t.Fatal(err)
	}
}

func (p *interactions) channels() string {
	return fmt.Sprintf(`{discord: {mode: interactions, token: %q, application_id: "100", public_key: %q, api_url: %q, limits: {account: {count: 0}, chat: {count: 0}}}}`,
		discordToken, p.sim.PublicKey(), p.api)
}

func (p *interactions) say(c int, text string) error {
	_, err := p.sim.Command(p.rooms[c], p.people[c], "ask", text)
	return err
}

func (p *discord) storm(calls int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Call: "create_message", Count: calls, RetryAfter: 1})
}

func (p *discord) repeat(events int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Count: events})
}

func (p *interactions) unplaced() string { return "an interaction is not remembered" }

func (p *interactions) storm(calls int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Call: "webhook_edit", Count: calls, RetryAfter: 1})
}
