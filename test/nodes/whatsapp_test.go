package nodes

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
	"github.com/parley-hub/parley/test/redistest"
)

const (
	number         = "106540352242922"
	person         = "16505550000"
	whatsAppToken  = "nodes-test-token-of-no-real-business"
	whatsAppSecret = "nodes-test-secret-of-no-real-app"
	whatsAppVerify = "nodes-test-words"
)

func startWhatsApp(t *testing.T) (*simulator.Server, *shared) {
	t.Helper()
	sim := simulator.New(simulator.Options{HookRetryBase: 10 * time.Millisecond})
	t.Cleanup(sim.Close)
	sim.AddNumber(simulator.Number{ID: number, Display: "15550783881", Name: "Parley", Token: whatsAppToken, AppSecret: whatsAppSecret})
	sim.AddPerson(simulator.Person{ID: person, Name: "Ann"})
	api := serve(t, sim)
	return sim, &shared{t: t, redis: redistest.Start(t), of: whatsapp.Factory(), in: newInbox(), set: func(s *adapters.Settings, _ string) {
		c, _ := whatsapp.Factory().Defaults().(*whatsapp.Config)
		c.APIURL, c.PhoneNumberID = api, number
		c.AccessToken, c.AppSecret, c.VerifyToken = secret.New(whatsAppToken), secret.New(whatsAppSecret), secret.New(whatsAppVerify)
		s.Account, s.Config = "wa", c
	}}
}

// TestWhatsAppStatuses: a status that came to one node settles what another sent, and is
// acknowledged at once; also for a third, when both are gone.
func TestWhatsAppStatuses(t *testing.T) {
	sim, nodes := startWhatsApp(t)
	a, b := nodes.start(), nodes.start()
	if err := sim.SetWebhook(t.Context(), number, a.url, whatsAppVerify); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Say(number, person, "hello"); err != nil {
		t.Fatal(err)
	}
	e := nodes.in.find(t, saying("hello"))
	redistest.WaitFor(t, "everything is acknowledged", pending(sim))

	// Typing refers to a message that came to the other node.
	if err := b.Adapter.(adapters.Typer).Typing(t.Context(), e.In); err != nil {
		t.Fatal(err)
	}
	events := sim.Events(0)
	if last := events[len(events)-1]; last.Kind != simulator.EventTyping || last.MessageID != string(e.Native) {
		t.Errorf("last event %+v", last)
	}

	r := answer(e, 0, "hi")
	sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultDropAfter})
	if _, err := b.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	redistest.WaitFor(t, "everything is acknowledged", pending(sim))
	b.kill()
	if receipt, found := a.reconcile(r); !found || receipt.Message == "" {
		t.Errorf("%+v, %v", receipt, found)
	}
	a.kill()
	if receipt, found := nodes.start().reconcile(r); !found || receipt.Message == "" {
		t.Errorf("a node that came later: %+v, %v", receipt, found)
	}
	if shown := sim.Shown(number, person); len(shown) != 2 {
		t.Errorf("%d messages, want the question and the answer", len(shown))
	}
}

func pending(sim *simulator.Server) func() error {
	return func() error {
		if n := sim.Pending(number); n > 0 {
			return fmt.Errorf("%d calls wait", n)
		}
		return nil
	}
}

// TestWhatsAppWithoutRedis: what cannot be kept is not acknowledged, and comes again.
func TestWhatsAppWithoutRedis(t *testing.T) {
	sim, nodes := startWhatsApp(t)
	a, b := nodes.start(), nodes.start()
	if err := sim.SetWebhook(t.Context(), number, a.url, whatsAppVerify); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Say(number, person, "hello"); err != nil {
		t.Fatal(err)
	}
	r := answer(nodes.in.find(t, saying("hello")), 0, "hi")
	redistest.WaitFor(t, "everything is acknowledged", pending(sim))
	nodes.redis.Kill()
	sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultDropAfter})
	if _, err := b.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	if _, _, err := b.Adapter.(adapters.Reconciler).Reconcile(t.Context(), r); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("asked without Redis: %v", err)
	}
	if sim.Pending(number) == 0 {
		t.Error("a status was acknowledged although nobody keeps it")
	}
	nodes.redis.Restart()
	redistest.WaitFor(t, "everything is acknowledged", pending(sim))
	if receipt, found := b.reconcile(r); !found || receipt.Message == "" {
		t.Errorf("%+v, %v", receipt, found)
	}
}
