package crash

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	simulator "github.com/parley-hub/parley/simulators/slack"
	"github.com/parley-hub/parley/test/hubtest"
)

const (
	slackBotToken = "xoxb-crash-test-token-of-no-real-app"
	slackAppToken = "xapp-crash-test-token-of-no-real-app"
	slackSecret   = "crash-test-secret-of-no-real-app"
)

// slack is called by Slack, or calls it by Socket Mode.
type slack struct {
	sim  *simulator.Server
	mode string
	endpoint
	people []string // their channels with the bot
}

func newSlackEvents(t *testing.T, people, each int) platform {
	return newSlack(t, "events", people, each)
}

func newSlackSocket(t *testing.T, people, each int) platform {
	return newSlack(t, "socket", people, each)
}

func newSlack(t *testing.T, mode string, people, each int) platform {
	sim := simulator.New(simulator.Options{
		Team:        "T" + strings.ToUpper(mode), // or both had the same people
		App:         simulator.App{BotToken: slackBotToken, AppToken: slackAppToken, SigningSecret: slackSecret},
		RetryDelays: []time.Duration{0, 50 * time.Millisecond}, RetryForever: true,
		MaxMessages: 4*each + 100, MaxCalls: 100,
	})
	t.Cleanup(sim.Close)
	p := &slack{sim: sim, mode: mode}
	for c := range people {
		sim.AddUser(p.user(c), fmt.Sprint("p", c))
		dm, err := sim.OpenDM(p.user(c))
		if err != nil {
			t.Fatal(err)
		}
		p.people = append(p.people, dm)
	}
	return p
}

func (p *slack) user(c int) string { return fmt.Sprintf("U%05d", c) }

func (p *slack) serve(t *testing.T, hub string) {
	p.api = hubtest.Serve(t, p.sim)
	if p.mode == "events" {
		p.sim.SetRequestURL(hub + "/webhooks/slack")
	}
}

func (p *slack) connect(*testing.T) {}

func (p *slack) channels() string {
	account := "slack"
	if p.mode == "socket" {
		account = "slack-socket"
	}
	return fmt.Sprintf(`{%s: {platform: slack, mode: %s, bot_token: %q, app_token: %q, signing_secret: %q, api_url: "%s/api/",
  limits: {account: {count: 0}, chat: {count: 0}}}}`, account, p.mode, slackBotToken, slackAppToken, slackSecret, p.api)
}

func (p *slack) say(c int, text string) error {
	_, err := p.sim.Say(p.people[c], p.user(c), text)
	return err
}

func (p *slack) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(p.people[c]) {
		if m.ByBot {
			out = append(out, m.Text)
		}
	}
	return out
}

func (p *slack) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *slack) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	return signals(sub.C, func(e simulator.Event) bool {
		return e.Kind == simulator.EventMessage && e.Message != nil && e.Message.ByBot
	}), sub.Close
}

func (p *slack) exact() bool { return true }

func (p *slack) storm(calls int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "chat.postMessage", Count: calls, RetryAfter: 1})
}

func (p *slack) repeat(events int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Count: events})
}

func (p *slack) swap(c int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultReorder, Channel: p.people[c]})
}
