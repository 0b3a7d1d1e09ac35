package slack_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// status is what a call of the webhook is answered.
func (r *rig) status(req *http.Request) int {
	w := httptest.NewRecorder()
	r.adapter.Webhook(r.in).ServeHTTP(w, req)
	return w.Code
}

// TestReplayedWebhooks: who sends again what Slack once sent brings nothing new, and after
// five minutes is not believed any more.
func TestReplayedWebhooks(t *testing.T) {
	r := start(t, slack.ModeEvents)
	data := r.Body(r.Chat(0).Chat, "hello")
	for range 3 {
		if got := r.status(r.Request(data)); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
	}
	form := "command=%2Fx&team_id=T0SIM&channel_id=C00001&user_id=U1ANN&trigger_id=7"
	r.form(form)
	r.form(form)
	if all := r.in.list(); len(all) != 2 {
		t.Errorf("%d envelopes of one message and one command", len(all))
	}
}

// endless is a body of a hundred megabytes that counts how much of it was read.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.read.Load() >= 100<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = '['
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

// TestHugeBodies: little of them is read, without the headers of a signature nothing.
func TestHugeBodies(t *testing.T) {
	r := start(t, slack.ModeEvents)
	for _, tc := range []struct {
		signed bool
		want   int
		most   int64
	}{{true, http.StatusRequestEntityTooLarge, 8 << 20}, {false, http.StatusUnauthorized, 0}} {
		body := &endless{}
		req := r.Forge(nil)
		if tc.signed {
			r.sim.Sign(req, []byte("other words"))
		}
		req.Body = io.NopCloser(body)
		if got := r.status(req); got != tc.want || body.read.Load() > tc.most {
			t.Errorf("signed %v: status %d after %d bytes", tc.signed, got, body.read.Load())
		}
	}
	if len(r.in.list()) != 0 {
		t.Error("something was stored")
	}
}

// TestOddEvents: of an unknown type, or not of the documented shape, they are kept, the
// latter counted, and acknowledged.
func TestOddEvents(t *testing.T) {
	var refused atomic.Int64
	r := start(t, slack.ModeEvents)
	a, err := slack.Factory().New(adapters.Settings{
		Account: "sl", Config: configOf(t, r.api), Log: zerolog.Nop(), Observer: core.ObserverFunc(func(e core.Event) {
			if e.Stage == core.StageRefused {
				refused.Add(1)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.adapter = a.(*slack.Adapter) //nolint:forcetypeassert // a test may panic
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	bottomless := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	for i, tc := range []struct {
		body    string
		want    int
		counted int64
	}{
		{`{"type":"event_callback","event_id":"Ev1","event":{"type":"hologram_projected","channel":"C00001"}}`, 200, 0},
		{`{"type":"event_callback","event_id":"Ev2","event":{"type":"message","text":17}}`, 200, 1},
		{`{"type":"event_callback","event_id":"Ev3","event":[]}`, 200, 2},
		{`{"type":"event_callback","event_id":"Ev4","event":{"type":"x","more":` + deep + `}}`, 200, 2},
		{`{"type":"event_callback","event_id":"Ev5","event":` + bottomless + `}`, 400, 3},
		{`{"type":"event_callback","event_id":"Ev6","event":{"type":"message","channel":"C00001","user":"U1ANN","ts":"1700000000.000100","text":"` + "a\xff\xfe\x00" + `"}}`, 400, 4},
		{`{"type":"event_callback","event_id":"Ev7","event":{"type":"message","channel":"C00001","user":"U1ANN","ts":"1700000000.000200","text":"` + "a\xff\xfeb" + `"}}`, 200, 4},
	} {
		before := len(r.in.list())
		if got := r.status(r.Request([]byte(tc.body))); got != tc.want || refused.Load() != tc.counted {
			t.Errorf("case %d: status %d, %d counted", i, got, refused.Load())
		}
		if kept := len(r.in.list()) - before; kept != 1 && tc.want == 200 || kept != 0 && tc.want != 200 {
			t.Errorf("case %d: %d kept", i, kept)
		}
	}
	kinds := map[core.Kind]int{}
	for _, e := range r.in.list() {
		kinds[e.Kind]++
		if e.Kind == core.KindMessage && e.Text() != "a\ufffd\ufffdb" && e.Text() != "a\ufffdb" {
			t.Errorf("said %q", e.Text())
		}
	}
	if kinds[core.KindOther] != 4 || kinds[core.KindMessage] != 1 {
		t.Errorf("kinds %v", kinds)
	}
}

// TestMissingScopesAreNamed: with the page of the console that grants them.
func TestMissingScopesAreNamed(t *testing.T) {
	reply := answer(inChannel(), "hi")
	for scope, do := range map[string]func(*rig) error{
		"chat:write":       func(r *rig) error { _, err := r.adapter.Send(t.Context(), reply); return err },
		"channels:history": func(r *rig) error { _, _, err := r.adapter.Reconcile(t.Context(), reply); return err },
		"files:read": func(r *rig) error {
			f, err := r.adapter.Fetch(t.Context(), "2:F1", 100)
			if err == nil {
				err = f.Close()
			}
			return err
		},
	} {
		t.Run(scope, func(t *testing.T) {
			r := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.App.Lacking = []string{scope} })
			err := do(r)
			if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "scope "+scope+": add it under OAuth & Permissions at https://api.slack.com/apps") {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
}

// TestRevokedToken: the receiver ends with what is to be done, in both modes, and what
// comes in meanwhile is not lost: Slack keeps it.
func TestRevokedToken(t *testing.T) {
	for _, mode := range modes {
		r := start(t, mode)
		revoked := r.sim.Inject(simulator.Fault{Kind: simulator.FaultError, Error: "token_revoked", Method: "auth.test", Count: -1})
		err := r.adapter.Run(t.Context(), r.in)
		if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "install the app again") {
			t.Errorf("%s: class %s: %v", mode, fault.ClassOf(err), err)
		}
		noSecret(t, err)
		r.Say(r.Chat(0).Chat, "hello")
		if mode == slack.ModeEvents {
			r.eventually("it is told again", func() bool { return r.sim.Stats().Retried > 0 })
		}
		if len(r.in.list()) != 0 {
			t.Errorf("%s: stored without knowing who the bot is", mode)
		}
		revoked.Remove()
		r.run()
		if all := r.await(1); all[0].Text() != "hello" {
			t.Errorf("%s: %+v", mode, all)
		}
	}
}

// TestTypingNeedsNoScope: an app that may not show typing says once in the log why.
func TestTypingNeedsNoScope(t *testing.T) {
	for _, code := range []string{"missing_scope", "unknown_method"} {
		r := start(t, slack.ModeEvents)
		question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
		r.sim.Inject(simulator.Fault{Kind: simulator.FaultError, Error: code, Needed: "assistant:write", Method: "assistant.threads.setStatus", Count: -1})
		var log strings.Builder
		a, err := slack.Factory().New(adapters.Settings{Account: "sl", Config: configOf(t, r.api), Log: zerolog.New(&log)})
		if err != nil {
			t.Fatal(err)
		}
		typer := a.(adapters.Typer) //nolint:forcetypeassert // a test may panic
		for range 3 {
			if err := typer.Typing(t.Context(), inThread(question.TS)); err != nil {
				t.Errorf("%s: %v", code, err)
			}
		}
		if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 1 || !strings.Contains(lines[0], "assistant:write") {
			t.Errorf("%s: %q", code, lines)
		}
	}
}

// TestStoringIsNotHeldUp: a Slack that does not answer delays an ack for less than the
// three seconds after which it would send again.
func TestStoringIsNotHeldUp(t *testing.T) {
	r := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.AckTimeout = 3 * time.Second })
	r.run()
	for _, method := range []string{"users.info", "conversations.replies"} {
		t.Cleanup(r.sim.Inject(simulator.Fault{Kind: simulator.FaultDelay, Method: method, Count: -1}).Remove)
	}
	root := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	r.speak(simulator.Utterance{Channel: place, User: ben, Text: "and <@" + ann + ">", ThreadTS: root.TS})
	r.settle()
	if all := r.await(2); !slices.ContainsFunc(all, func(e core.Envelope) bool { return e.Text() == "and @"+ann }) {
		t.Errorf("came %+v", all)
	}
	if n := r.sim.Stats().Retried; n != 0 {
		t.Errorf("%d were sent again", n)
	}
}
