package whatsapp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

// A message whose answer was lost is found by its status and not sent twice.
func TestStoredThenDroppedIsFoundByItsStatus(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	s.Serve(a.Webhook(newInbox()))
	to := s.Chat(0)
	r := text("e.0", to, strings.Repeat("word ", 1200)) // two pieces
	first, err := a.Send(t.Context(), r)
	if err != nil || !first.More {
		t.Fatalf("%+v, %v", first, err)
	}
	r.Sent = append(r.Sent, first.Message)
	s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultDropAfter})
	if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	var found core.Receipt
	s.wait(t, func() bool {
		receipt, ok, err := a.Reconcile(t.Context(), r)
		if err != nil && (fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0) {
			t.Fatalf("waiting: %v", err)
		}
		found = receipt
		return ok
	})
	shown := s.sim.Shown(number, string(to.Chat))
	if len(shown) != 2 || found.Message != core.MessageID(shown[1].ID) || found.More || found.At.IsZero() {
		t.Errorf("found %+v among %d messages", found, len(shown))
	}
	// Now the statuses may go.
	s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
}

func TestNotSentIsCertainAfterTheGrace(t *testing.T) {
	a, s := bench(t, zerolog.Nop(), grace(50*time.Millisecond))
	s.Serve(a.Webhook(newInbox()))
	r := text("e.0", s.Chat(0), "hello")
	s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultBadGateway})
	if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	_, found, err := a.Reconcile(t.Context(), r)
	for err != nil {
		timer := time.NewTimer(fault.Wait(err))
		<-timer.C
		_, found, err = a.Reconcile(t.Context(), r)
	}
	if found {
		t.Fatal("found what was never sent")
	}
	if _, err := a.Send(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.wait(t, func() bool { return slices.Equal(s.Shown(s.Chat(0).Chat), []string{"hello"}) })
}

// A status is kept before the platform may forget it: the message it proves may be looked
// for from another node, and after a restart.
func TestStatusIsSeenByOtherNodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "adapters.jsonl")
	remember := func() *alone.Engine {
		e := alone.New()
		if err := e.Remember(file, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	a, s := bench(t, zerolog.Nop(), func(set *adapters.Settings, _ *whatsapp.Config, _ *simulator.Options) { set.Memory = remember() })
	other := s.Another(zerolog.Nop()).(*whatsapp.Cloud)
	r := text("e.0", s.Chat(0), "hello")
	s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultDropAfter})
	if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	if _, found, err := other.Reconcile(t.Context(), r); found || fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0 {
		t.Errorf("before a status came: %v, %v", found, err)
	}
	body := simulator.Body(status("wamid.1", "sent", "e.0#0"))
	if w := serve(other.Webhook(newInbox()), s.Request(body)); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	s.settings.Memory = remember()
	for name, node := range map[string]*whatsapp.Cloud{"sender": a, "other": other, "restarted": s.Another(zerolog.Nop()).(*whatsapp.Cloud)} {
		receipt, found, err := node.Reconcile(t.Context(), r)
		if !found || receipt.Message != "wamid.1" || receipt.At.IsZero() || err != nil {
			t.Errorf("%s: %+v, %v, %v", name, receipt, found, err)
		}
	}
}

// A status that cannot be kept comes again.
func TestStatusThatCannotBeKept(t *testing.T) {
	a, s := bench(t, zerolog.Nop(), func(set *adapters.Settings, _ *whatsapp.Config, _ *simulator.Options) {
		e := alone.New()
		if err := e.Remember(filepath.Join(t.TempDir(), "adapters.jsonl"), zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		_ = e.Close()
		set.Memory = e
	})
	h := a.Webhook(newInbox())
	if w := serve(h, s.Request(simulator.Body(status("wamid.1", "sent", "e.0#0")))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
	if w := serve(h, s.Request(simulator.Body(status("wamid.2", "sent", "")))); w.Code != http.StatusOK {
		t.Errorf("a status that names no reply: status %d", w.Code)
	}
}

// A piece that was not found, and then sent again, is in doubt anew.
func TestDoubtBeginsAnew(t *testing.T) {
	a, s := bench(t, zerolog.Nop(), grace(50*time.Millisecond))
	r := text("e.0", s.Chat(0), "hello")
	certain := func() {
		t.Helper()
		s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultBadGateway})
		if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
			t.Fatalf("the outcome is not unknown: %v", err)
		}
		_, found, err := a.Reconcile(t.Context(), r)
		if err == nil {
			t.Fatal("certain at once")
		}
		for err != nil {
			timer := time.NewTimer(fault.Wait(err))
			<-timer.C
			_, found, err = a.Reconcile(t.Context(), r)
		}
		if found {
			t.Fatal("found what was never sent")
		}
	}
	certain()
	certain()
}

// status is a change that brings a status.
func status(wamid, what, opaque string) json.RawMessage {
	failed := ""
	if what == "failed" {
		failed = `,"errors":[{"code":131026,"title":"Message undeliverable"}]`
	}
	return json.RawMessage(fmt.Sprintf(
		`{"field":"messages","value":{"metadata":{"phone_number_id":%q},"statuses":[{"id":%q,"status":%q,"timestamp":"1700000000","biz_opaque_callback_data":%q%s}]}}`,
		number, wamid, what, opaque, failed))
}

// A failure is told once, whatever comes after it; arrived is arrived.
func TestStatusesOnlyMoveForward(t *testing.T) {
	for name, tc := range map[string]struct {
		statuses []string
		failures int
		stands   bool
	}{
		"in order":               {[]string{"sent", "delivered", "read"}, 0, true},
		"out of order":           {[]string{"read", "sent", "delivered"}, 0, true},
		"failed":                 {[]string{"sent", "failed"}, 1, false},
		"failed twice":           {[]string{"failed", "failed"}, 1, false},
		"failed, then late sent": {[]string{"failed", "sent", "delivered"}, 1, false},
		"delivered, then failed": {[]string{"delivered", "failed"}, 0, true},
		"unknown word":           {[]string{"levitating"}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			var o observer
			a, s := bench(t, zerolog.Nop(), watched(&o))
			h := a.Webhook(newInbox())
			for _, what := range tc.statuses {
				serve(h, s.Request(simulator.Body(status("wamid.1", what, "e.0#0"))))
			}
			if n := len(o.stages(core.StageUndelivered)); n != tc.failures {
				t.Errorf("%d failures seen, want %d", n, tc.failures)
			}
			if _, found, _ := a.Reconcile(t.Context(), text("e.0", s.Chat(0), "x")); found != tc.stands {
				t.Errorf("stands: %v, want %v", found, tc.stands)
			}
		})
	}
}

func TestFailureLaterIsSeenWithItsTrace(t *testing.T) {
	var o observer
	log := &logtest.Log{}
	a, s := bench(t, zerolog.New(log), watched(&o))
	s.Serve(a.Webhook(newInbox()))
	s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultFailLater, Code: 131026})
	if _, err := a.Send(t.Context(), text("e.0", s.Chat(0), "hello")); err != nil {
		t.Fatal(err)
	}
	s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
	events := o.stages(core.StageUndelivered)
	if len(events) != 1 || events[0].Trace != "trace" || !strings.Contains(events[0].Err.Error(), "131026") {
		t.Errorf("seen: %+v", events)
	}
	if said := log.String(); !strings.Contains(said, `"level":"warn"`) || !strings.Contains(said, `"reply":"e.0","piece":"0"`) || !strings.Contains(said, "131026") {
		t.Errorf("logged: %s", said)
	}
}

func TestWindow(t *testing.T) {
	clock := time.Now()
	var mu sync.Mutex
	closed := func(_ *adapters.Settings, _ *whatsapp.Config, o *simulator.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	}
	templated := func(_ *adapters.Settings, c *whatsapp.Config, _ *simulator.Options) {
		c.Template = whatsapp.Template{Name: "write_to_us", Language: "en_US"}
	}
	later := func() { mu.Lock(); clock = clock.Add(25 * time.Hour); mu.Unlock() }

	t.Run("without a template", func(t *testing.T) {
		a, s := bench(t, zerolog.Nop(), closed)
		to := s.Chat(0)
		later()
		_, err := a.Send(t.Context(), text("e.0", to, "hello"))
		if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "needs template") {
			t.Errorf("%v", err)
		}
	})
	t.Run("with a template", func(t *testing.T) {
		a, s := bench(t, zerolog.Nop(), closed, templated)
		s.Serve(a.Webhook(newInbox()))
		if err := s.sim.AddTemplate(number, "write_to_us", "en_US"); err != nil {
			t.Fatal(err)
		}
		to := s.Chat(0)
		later()
		for range 3 {
			_, err := a.Send(t.Context(), text("e.0", to, "hello"))
			if fault.ClassOf(err) != fault.Retryable || fault.Wait(err) < time.Minute || fault.IsUnsure(err) {
				t.Fatalf("%v, wait %v", err, fault.Wait(err))
			}
		}
		shown := s.sim.Shown(number, string(to.Chat))
		if len(shown) != 1 || shown[0].Template != "write_to_us" {
			t.Fatalf("shown: %+v", shown)
		}
		s.Say(to.Chat, "here I am")
		if _, err := a.Send(t.Context(), text("e.0", to, "hello")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("with a template that is not approved", func(t *testing.T) {
		a, s := bench(t, zerolog.Nop(), closed, templated)
		to := s.Chat(0)
		later()
		_, err := a.Send(t.Context(), text("e.0", to, "hello"))
		if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "needs template") {
			t.Errorf("%v", err)
		}
	})
}

func TestTypingMarksTheLastMessageAsRead(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	in := newInbox()
	s.Serve(a.Webhook(in))
	to := s.Chat(0)
	if err := a.Typing(t.Context(), to); err != nil || len(s.sim.Calls()) != 0 {
		t.Errorf("nothing came in yet: %v, %d calls", err, len(s.sim.Calls()))
	}
	s.Say(to.Chat, "one")
	s.Say(to.Chat, "two")
	s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
	if err := a.Typing(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	all := in.all()
	events := s.sim.Events(0)
	last := events[len(events)-1]
	if last.Kind != simulator.EventTyping || core.MessageID(last.MessageID) != all[len(all)-1].Native {
		t.Errorf("last event %+v", last)
	}
}

// What the adapter makes of rich replies is taken by a server that is strict.
func TestTheServerTakesEverything(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	in := newInbox()
	s.Serve(a.Webhook(in))
	to := s.Chat(0)
	s.Say(to.Chat, "hello")
	s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
	asked := in.all()[0].Native
	image := s.sim.AddFile("image/png", "", []byte("png"))
	var many [][]core.Button
	for i := range 7 {
		many = append(many, []core.Button{{Label: fmt.Sprintf("A choice that is rather long %d", i), Data: fmt.Sprint(i)}})
	}
	r := core.Reply{ID: "e.0", Final: true, To: to, InReplyTo: asked, Parts: []core.Part{
		core.Text{Text: "**bold** and `code`", Format: core.Markdown},
		core.Media{Kind: core.Image, File: core.FileRef(image), Caption: "a picture"},
		core.Location{Latitude: 52.5, Longitude: 13.4, Title: "Here"},
		core.Contact{Name: "Ada", Phone: "+4912345"},
		core.Text{Text: "choose"},
		core.Buttons{Rows: many},
	}}
	for {
		receipt, err := a.Send(t.Context(), r)
		if err != nil {
			t.Fatalf("piece %d: %v", len(r.Sent), err)
		}
		r.Sent = append(r.Sent, receipt.Message)
		if !receipt.More {
			break
		}
	}
	shown := s.sim.Shown(number, string(to.Chat))[1:]
	var types []string
	for _, p := range shown {
		types = append(types, p.Type)
	}
	if want := []string{"text", "image", "location", "contacts", "interactive"}; !slices.Equal(types, want) {
		t.Fatalf("types %v", types)
	}
	if shown[0].Text != "*bold* and `code`" || shown[0].ReplyTo != string(asked) || shown[0].Opaque != "e.0#0" || shown[1].ReplyTo != "" {
		t.Errorf("first: %+v", shown[0])
	}
	if _, err := s.sim.Press(number, string(to.Chat), shown[4].ID, "3"); err != nil {
		t.Fatal(err)
	}
	s.wait(t, func() bool { return len(in.all()) == 2 })
	press := in.all()[1]
	if action, ok := press.Parts[0].(core.Action); !ok || action.Data != "3" || press.Kind != core.KindAction || string(press.Native) != shown[4].ID {
		t.Errorf("press: %+v", press)
	}
}
