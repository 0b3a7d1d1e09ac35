package whatsapp_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

func TestFetch(t *testing.T) {
	content := []byte(strings.Repeat("picture ", 1000))
	fetch := func(t *testing.T, limit int64, faults ...simulator.Fault) ([]byte, error) {
		t.Helper()
		a, s := bench(t, zerolog.Nop())
		in := newInbox()
		s.Serve(a.Webhook(in))
		_, err := s.sim.Speak(simulator.Utterance{
			Person: person(0), Kind: "image", MIME: "image/jpeg", File: content, Text: "look",
		})
		if err == nil {
			t.Fatal("a stranger spoke")
		}
		s.Chat(0)
		if _, err := s.sim.Speak(simulator.Utterance{Person: person(0), Kind: "image", MIME: "image/jpeg", File: content, Text: "look"}); err != nil {
			t.Fatal(err)
		}
		s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
		for _, f := range faults {
			s.sim.Inject(f)
		}
		m, ok := in.all()[0].Parts[0].(core.Media)
		if !ok || m.Kind != core.Image || m.Caption != "look" {
			t.Fatalf("%+v", in.all()[0].Parts)
		}
		r, err := a.Fetch(t.Context(), m.File, limit)
		if err != nil {
			return nil, err
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		return io.ReadAll(r)
	}
	if got, err := fetch(t, 1<<20); err != nil || string(got) != string(content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	at := func(url string) simulator.Fault {
		return simulator.Fault{Endpoint: "media_info", Kind: simulator.FaultMediaURL, URL: url}
	}
	for name, tc := range map[string]struct {
		limit int64
		fault simulator.Fault
		class fault.Class
	}{
		"too large":                {100, simulator.Fault{Endpoint: "typing"}, fault.Permanent},
		"garbled":                  {1 << 20, simulator.Fault{Endpoint: "download", Kind: simulator.FaultGarble}, fault.Permanent},
		"inside the network":       {1 << 20, at("http://169.254.169.254/latest/meta-data/"), fault.Permanent},
		"another port of this one": {1 << 20, at("http://127.0.0.1:1/download/x"), fault.Permanent},
		"a stranger":               {1 << 20, at("https://example.com/x"), fault.Permanent},
		"a look-alike":             {1 << 20, at("https://evilfbcdn.net/x"), fault.Permanent},
		"not encrypted":            {1 << 20, at("http://lookaside.fbsbx.com/x"), fault.Permanent},
		"with a password":          {1 << 20, at("https://a@lookaside.fbsbx.com/x"), fault.Permanent},
		"a file":                   {1 << 20, at("file:///etc/passwd"), fault.Permanent},
		"no address":               {1 << 20, at("://"), fault.Permanent},
		"outage":                   {1 << 20, simulator.Fault{Endpoint: "download", Kind: simulator.FaultBadGateway}, fault.Retryable},
		"expired":                  {1 << 20, simulator.Fault{Endpoint: "download", Kind: simulator.FaultError, Status: 404}, fault.Retryable},
		"cut":                      {1 << 20, simulator.Fault{Endpoint: "download", Kind: simulator.FaultDropBefore, Count: -1}, fault.Retryable},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := fetch(t, tc.limit, tc.fault); fault.ClassOf(err) != tc.class {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
}

func TestRunTellsWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		fault simulator.Fault
		class fault.Class
		says  string
	}{
		"revoked":       {simulator.Fault{Kind: simulator.FaultError, Status: 401, Code: 190}, fault.NeedsHuman, "System users"},
		"no permission": {simulator.Fault{Kind: simulator.FaultError, Status: 403, Code: 200}, fault.NeedsHuman, "whatsapp_business_messaging"},
		"wrong number":  {simulator.Fault{Kind: simulator.FaultError, Status: 400, Code: 100}, fault.NeedsHuman, "phone_number_id"},
		"outage":        {simulator.Fault{Kind: simulator.FaultBadGateway}, fault.Retryable, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := bench(t, zerolog.Nop())
			tc.fault.Endpoint = "phone"
			s.sim.Inject(tc.fault)
			err := a.Run(t.Context(), newInbox())
			if fault.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.says) || fault.IsUnsure(err) {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
}

func TestConnectedOnceTheNumberAnswers(t *testing.T) {
	a, _ := bench(t, zerolog.Nop())
	in := connectable{newInbox(), make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, in) }()
	select {
	case <-in.connected:
	case <-time.After(patience):
		t.Error("never connected")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

type connectable struct {
	*inbox
	connected chan struct{}
}

func (c connectable) Connected() { c.connected <- struct{}{} }
