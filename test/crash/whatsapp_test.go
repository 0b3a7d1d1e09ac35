package crash

import (
	"context"
	"fmt"
	"testing"
	"time"

	simulator "github.com/parley-hub/parley/simulators/whatsapp"
	"github.com/parley-hub/parley/test/hubtest"
)

const (
	whatsAppNumber = "106540352242922"
	whatsAppToken  = "crash-test-token-of-no-real-business"
	whatsAppSecret = "crash-test-secret-of-no-real-app"
	whatsAppVerify = "crash-test-words"
)

// whatsApp is the Cloud API: it calls the hub.
type whatsApp struct {
	endpoint
	sim *simulator.Server
	hub string
}

func newWhatsApp(t *testing.T, people, each int) platform {
	sim := simulator.New(simulator.Options{HookRetryBase: 20 * time.Millisecond, MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	sim.AddNumber(simulator.Number{ID: whatsAppNumber, Display: "15550783881", Name: "Crash", Token: whatsAppToken, AppSecret: whatsAppSecret})
	p := &whatsApp{sim: sim}
	for c := range people {
		sim.AddPerson(simulator.Person{ID: p.person(c), Name: fmt.Sprint("P", c)})
	}
	return p
}

func (p *whatsApp) person(c int) string { return fmt.Sprint(16_505_550_000 + c) }

func (p *whatsApp) serve(t *testing.T, hub string) { p.api, p.hub = hubtest.Serve(t, p.sim), hub }

func (p *whatsApp) connect(t *testing.T) {
	if err := p.sim.SetWebhook(t.Context(), whatsAppNumber, p.hub+"/webhooks/whatsapp", whatsAppVerify); err != nil {
		t.Fatal(err)
	}
}

func (p *whatsApp) channels() string {
	return fmt.Sprintf(`{whatsapp: {mode: cloud, access_token: %q, phone_number_id: %q, app_secret: %q, verify_token: %q, api_url: %q,
  status_grace: 3s, limits: {account: {count: 0}, chat: {count: 0}}}}`,
		whatsAppToken, whatsAppNumber, whatsAppSecret, whatsAppVerify, p.api)
}

func (p *whatsApp) say(c int, text string) error {
	_, err := p.sim.Say(whatsAppNumber, p.person(c), text)
	return err
}

func (p *whatsApp) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(whatsAppNumber, p.person(c)) {
		if m.ByBot {
			out = append(out, m.Text)
		}
	}
	return out
}

func (p *whatsApp) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *whatsApp) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	return signals(sub.C, func(e simulator.Event) bool {
		return e.Kind == simulator.EventMessage && e.Message != nil && e.Message.ByBot
	}), sub.Close
}

func (p *whatsApp) exact() bool { return true }

func (p *whatsApp) storm(calls int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Endpoint: "messages", Count: calls, RetryAfter: 1})
}

func (p *whatsApp) repeat(events int) {
	p.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Count: events})
}
