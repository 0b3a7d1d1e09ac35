package whatsapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

type options = func(*adapters.Settings, *whatsapp.Config, *simulator.Options)

func watched(o *observer) options {
	return func(s *adapters.Settings, _ *whatsapp.Config, _ *simulator.Options) { s.Observer = o }
}

func grace(d time.Duration) options {
	return func(_ *adapters.Settings, c *whatsapp.Config, _ *simulator.Options) { c.StatusGrace = d }
}

func (s *simulated) wait(t *testing.T, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.sim.Wait(ctx, cond); err != nil {
		t.Fatalf("it does not come to that: %v", err)
	}
}

func TestChallenge(t *testing.T) {
	a, _ := bench(t, zerolog.Nop())
	h := a.Webhook(newInbox())
	for name, tc := range map[string]struct {
		query  string
		status int
		body   string
	}{
		"right":        {"hub.mode=subscribe&hub.verify_token=" + verifyToken + "&hub.challenge=1158201444", 200, "1158201444"},
		"wrong token":  {"hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1", 403, ""},
		"no token":     {"hub.mode=subscribe&hub.challenge=1", 403, ""},
		"wrong mode":   {"hub.mode=unsubscribe&hub.verify_token=" + verifyToken + "&hub.challenge=1", 403, ""},
		"nothing":      {"", 403, ""},
		"long novella": {"hub.mode=subscribe&hub.verify_token=" + verifyToken + "&hub.challenge=" + strings.Repeat("a", 5000), 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(nil)
			r.Method, r.URL.RawQuery = http.MethodGet, tc.query
			if w := serve(h, r); w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("status %d, body %q", w.Code, w.Body)
			}
		})
	}
	r := request(nil)
	r.Method = http.MethodPut
	if w := serve(h, r); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: status %d", w.Code)
	}
}

func TestSignature(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	body := s.Body(s.Chat(0).Chat, "naïve 😀 a/b")
	right := simulator.Sign(appSecret, body)
	for name, tc := range map[string]struct {
		header string
		body   []byte
		status int
	}{
		"right":                {right, body, 200},
		"upper case":           {"sha256=" + strings.ToUpper(strings.TrimPrefix(right, "sha256=")), body, 200},
		"none":                 {"", body, 401},
		"another algorithm":    {"sha1=" + strings.TrimPrefix(right, "sha256="), body, 401},
		"cut":                  {right[:len(right)-2], body, 401},
		"no hexadecimal":       {"sha256=zz", body, 401},
		"empty":                {"sha256=", body, 401},
		"another body":         {right, append([]byte(" "), body...), 401},
		"the same, re-encoded": {right, reencoded(t, body), 401},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInbox()
			r := request(tc.body)
			r.Header.Set("X-Hub-Signature-256", tc.header)
			if w := serve(a.Webhook(in), r); w.Code != tc.status {
				t.Errorf("status %d, want %d", w.Code, tc.status)
			}
			if got := len(in.all()); (got == 1) != (tc.status == 200) {
				t.Errorf("%d envelopes", got)
			}
		})
	}
}

func reencoded(t *testing.T, body []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A batch of many people is stored side by side, each person's in order; when one
// cannot be stored the call comes again.
func TestBatch(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	const people, each = 40, 25 // a thousand changes
	var changes []json.RawMessage
	for i := range people * each {
		p := i % people
		changes = append(changes, said(person(p), fmt.Sprintf("wamid.%d", i), fmt.Sprintf("%d/%d", p, i/people)))
	}
	body := simulator.Body(changes...)

	in := newInbox()
	meet := make(chan struct{})
	var both sync.WaitGroup
	both.Add(2)
	go func() { both.Wait(); close(meet) }()
	var once sync.Map
	gate := gated{in, func(e core.Envelope) {
		if e.In.Chat != core.ChatID(person(0)) && e.In.Chat != core.ChatID(person(1)) {
			return
		}
		if _, again := once.LoadOrStore(e.In.Chat, true); !again {
			both.Done()
			<-meet // only when both are here at once does either go on
		}
	}}
	if w := serve(a.Webhook(gate), s.Request(body)); w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	next := map[core.ChatID]int{}
	for _, e := range in.all() {
		if want := fmt.Sprintf("/%d", next[e.In.Chat]); !strings.HasSuffix(e.Text(), want) {
			t.Fatalf("%s came, want %s", e.Text(), want)
		}
		next[e.In.Chat]++
	}
	if len(in.all()) != people*each {
		t.Fatalf("%d envelopes", len(in.all()))
	}

	refusing := newInbox()
	refusing.refuse = func(e core.Envelope) error {
		if e.Text() == "7/3" {
			return fault.New(fault.Retryable, "accept", errors.New("full"))
		}
		return nil
	}
	if w := serve(a.Webhook(refusing), s.Request(body)); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", w.Code)
	}
	for _, e := range refusing.all() {
		if p, i, _ := strings.Cut(e.Text(), "/"); p == "7" && !slices.Contains([]string{"0", "1", "2"}, i) {
			t.Errorf("%s was stored behind the one that was not", e.Text())
		}
	}
}

// gated lets a test look at an envelope before it is stored.
type gated struct {
	*inbox
	before func(core.Envelope)
}

func (g gated) Accept(ctx context.Context, e core.Envelope) error {
	g.before(e)
	return g.inbox.Accept(ctx, e)
}

func TestCallsAboutOthersAreAcknowledgedAndCounted(t *testing.T) {
	var o observer
	a, s := bench(t, zerolog.Nop(), watched(&o))
	in := newInbox()
	h := a.Webhook(in)
	other := strings.ReplaceAll(string(s.Body("1", "hello")), number, "999")
	for _, body := range []string{other, `{"object":"page","entry":[]}`} {
		if w := serve(h, s.Request([]byte(body))); w.Code != http.StatusOK {
			t.Errorf("status %d", w.Code)
		}
	}
	if n := len(in.all()); n != 0 {
		t.Errorf("%d envelopes", n)
	}
	if n := len(o.stages(core.StageRefused)); n != 2 {
		t.Errorf("%d refusals seen", n)
	}
	deep := `{"object":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "}"
	if w := serve(h, s.Request([]byte(deep))); w.Code != http.StatusBadRequest {
		t.Errorf("deep JSON: status %d", w.Code)
	}
}
