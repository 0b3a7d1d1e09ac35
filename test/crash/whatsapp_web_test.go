//go:build !nowhatsmeow

package crash

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	simulator "github.com/parley-hub/parley/simulators/whatsapp/web"
	"github.com/parley-hub/parley/test/hubtest"
)

func init() {
	platforms["whatsapp web"] = newWhatsAppWeb
	single["whatsapp web"] = "wa-web"
	shared = append(shared, "whatsapp web")
}

const webNumber = "4915551000"

// whatsAppWeb is a linked device.
type whatsAppWeb struct {
	sim *simulator.Server
	endpoint

	mu sync.Mutex
	// said are the words by the ids of their messages, asked those of the messages that
	// the hub's device asked for again.
	said  map[string]string
	asked map[string]bool
}

func newWhatsAppWeb(t *testing.T, people, each int) platform {
	sim := simulator.New(simulator.Options{MaxMessages: 4*each + 100, MaxCalls: 100})
	t.Cleanup(sim.Close)
	sim.AddNumber(simulator.Number{Phone: webNumber, Name: "Crash"})
	p := &whatsAppWeb{sim: sim, said: map[string]string{}, asked: map[string]bool{}}
	p.hear(t)
	for c := range people {
		sim.AddPerson(simulator.Person{Phone: p.person(c), Name: fmt.Sprint("P", c), ByLID: c%2 == 1})
	}
	return p
}

// hear keeps what the device asks for again.
func (p *whatsAppWeb) hear(t *testing.T) {
	sub := p.sim.Subscribe(1 << 16)
	var wg sync.WaitGroup
	wg.Go(func() {
		for e := range sub.C {
			if e.Kind == simulator.EventRetry && e.From == e.Number {
				p.mu.Lock()
				p.asked[e.MessageID] = true
				p.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		sub.Close()
		wg.Wait()
	})
}

func (p *whatsAppWeb) retold(int) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := map[string]bool{}
	for id := range p.asked {
		again[p.said[id]] = true
	}
	return again
}

// person is nobody of the Cloud API: who has the same number is the same person.
func (p *whatsAppWeb) person(c int) string { return fmt.Sprint(16_505_570_000 + c) }

func (p *whatsAppWeb) serve(t *testing.T, _ string) { p.api = hubtest.Serve(t, p.sim) }

func (p *whatsAppWeb) connect(*testing.T) {}

// prepare links the hub's device, with the command that an operator uses.
func (p *whatsAppWeb) prepare(hub *hubtest.Hub) {
	hub.Pair("wa-web", func(ctx context.Context, code string) error { return p.sim.Scan(ctx, webNumber, code) })
}

func (p *whatsAppWeb) channels() string {
	key := simulator.RootKey()
	return fmt.Sprintf(`{wa-web: {platform: whatsapp, mode: web, api_url: %q, root_key: %q, limits: {account: {count: 0}, chat: {count: 0}, group: {count: 0}}}}`,
		p.api, hex.EncodeToString(key[:]))
}

func (p *whatsAppWeb) say(c int, text string) error {
	id, err := p.sim.Say(webNumber, p.person(c), text)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said[id] = text
	return err
}

func (p *whatsAppWeb) answers(c int) []string {
	var out []string
	for _, m := range p.sim.Shown(webNumber, p.person(c)) {
		if m.ByBot && !m.Deleted {
			out = append(out, m.Text)
		}
	}
	return out
}

func (p *whatsAppWeb) wait(ctx context.Context, cond func() bool) error { return p.sim.Wait(ctx, cond) }

func (p *whatsAppWeb) follow() (<-chan struct{}, func()) {
	sub := p.sim.Subscribe(1 << 16)
	return signals(sub.C, func(e simulator.Event) bool {
		return e.Kind == simulator.EventMessage && e.Message != nil && e.Message.ByBot
	}), sub.Close
}

func (p *whatsAppWeb) exact() bool { return true }
