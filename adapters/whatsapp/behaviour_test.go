package whatsapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// After a restart a status is not acknowledged while its message may still have to be
// looked up: it would be lost if this process ended too.
func TestStatusOfAProcessBeforeIsKept(t *testing.T) {
	a, s := bench(t, zerolog.Nop())
	h := a.Webhook(newInbox())
	r := text("e.0", s.Chat(0), "hello")
	body := simulator.Body(status("wamid.1", "sent", "e.0#0"))
	if w := serve(h, s.Request(body)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a status of a message this process did not send: status %d", w.Code)
	}
	receipt, found, err := a.Reconcile(t.Context(), r)
	if !found || receipt.Message != "wamid.1" || err != nil {
		t.Fatalf("%+v, %v, %v", receipt, found, err)
	}
	// The call is held until the receipt is surely stored; then the platform may forget.
	if w := serve(h, s.Request(body)); w.Code != http.StatusOK {
		t.Errorf("status %d although it was looked up", w.Code)
	}
	if w := serve(h, s.Request(simulator.Body(status("wamid.2", "sent", "")))); w.Code != http.StatusOK {
		t.Errorf("a status that names no reply: status %d", w.Code)
	}
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
			if n := len(o.stages(core.StageBuried)); n != tc.failures {
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
	a, s := bench(t, zerolog.Nop(), watched(&o))
	s.Serve(a.Webhook(newInbox()))
	s.sim.Inject(simulator.Fault{Endpoint: "messages", Kind: simulator.FaultFailLater, Code: 131026})
	if _, err := a.Send(t.Context(), text("e.0", s.Chat(0), "hello")); err != nil {
		t.Fatal(err)
	}
	s.wait(t, func() bool { return s.sim.Pending(number) == 0 })
	events := o.stages(core.StageBuried)
	if len(events) != 1 || events[0].Trace != "trace" || !strings.Contains(events[0].Err.Error(), "131026") {
		t.Errorf("seen: %+v", events)
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
