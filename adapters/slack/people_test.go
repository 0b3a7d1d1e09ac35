package slack

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// named is an adapter with a clock, at the simulator, that reads what people say.
type namedRig struct {
	t   *testing.T
	sim *simulator.Server
	a   *Adapter
	now time.Time
	log strings.Builder
}

func newNamedRig(t *testing.T, lacking ...string) *namedRig {
	t.Helper()
	r := &namedRig{t: t, now: time.Now()}
	r.sim = simulator.New(simulator.Options{App: simulator.App{BotToken: "xoxb-x", SigningSecret: "s", Lacking: lacking}})
	web := httptest.NewServer(r.sim)
	t.Cleanup(web.Close)
	t.Cleanup(r.sim.Close)
	c := defaults()
	c.APIURL, c.BotToken, c.SigningSecret = web.URL+"/api/", secret.New("xoxb-x"), secret.New("s")
	a, err := Factory().New(adapters.Settings{Account: "sl", Config: c, Log: zerolog.New(&r.log)})
	if err != nil {
		t.Fatal(err)
	}
	r.a = a.(*Adapter) //nolint:forcetypeassert // a test may panic
	t.Cleanup(r.a.api.close)
	r.a.now = func() time.Time { return r.now }
	r.sim.AddUser("U1ANN", "ann")
	r.sim.AddUser("U2BEN", "ben")
	return r
}

// says is the envelope of what somebody says.
func (r *namedRig) says(user, text string) core.Envelope {
	r.t.Helper()
	d, err := readBody("application/json", []byte(`{"type":"event_callback","team_id":"T0SIM","event_id":"Ev1","event":{"type":"message",
		"channel":"D1","user":"`+user+`","text":"`+text+`","ts":"1700000000.000100"}}`))
	if err != nil {
		r.t.Fatal(err)
	}
	reader := r.a.whoami()
	reader.people = r.a.named(r.t.Context(), d)
	return reader.envelope(d, r.now)
}

func (r *namedRig) asked() int { return len(r.sim.CallsOf("users.info")) }

// TestNames: senders and those who are mentioned have names, which are asked for once in
// a while, and again when they are old.
func TestNames(t *testing.T) {
	r := newNamedRig(t)
	want := core.Sender{Realm: "slack:T0SIM", ID: "U1ANN", Name: "ann", Handle: "ann", Language: "en-US"}
	for range 3 {
		e := r.says("U1ANN", "tell <@U2BEN> and <@U0PARLEY|parley> and <@U404>")
		if e.From != want || e.Text() != "tell @ben and @parley and @U404" {
			t.Errorf("from %+v: %q", e.From, e.Text())
		}
		if m, ok := e.Parts[1].(core.Mention); !ok || m.Name != "ben" || m.User != "U2BEN" {
			t.Errorf("mentioned %+v", e.Parts[1])
		}
	}
	if n := r.asked(); n != 4 {
		t.Errorf("%d look-ups of four people", n)
	}
	r.sim.AddUser("U1ANN", "Ann Other")
	r.now = r.now.Add(namesKept + time.Second)
	if e := r.says("U1ANN", "hi"); e.From.Name != "Ann Other" {
		t.Errorf("later: %+v", e.From)
	}
	r.now = r.now.Add(namesKept + time.Second)
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultServerError, Method: "users.info"})
	if e := r.says("U1ANN", "hi"); e.From.Name != "Ann Other" {
		t.Errorf("an old name is better than none: %+v", e.From)
	}
}

// TestNamesAreNotWaitedFor: what fails is not tried again for a while, and the envelope
// goes on; later there are names.
func TestNamesAreNotWaitedFor(t *testing.T) {
	for _, tc := range []struct {
		fault simulator.Fault
		pause time.Duration
	}{
		{simulator.Fault{Kind: simulator.FaultTooManyRequests, RetryAfter: 30}, 30 * time.Second},
		{simulator.Fault{Kind: simulator.FaultDropAfter}, namesPause},
		{simulator.Fault{Kind: simulator.FaultDelay}, namesPause}, // until the look-up gives up
		{simulator.Fault{Kind: simulator.FaultError, Error: "token_revoked"}, noNames},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			r := newNamedRig(t)
			tc.fault.Method = "users.info"
			hit := r.sim.Inject(tc.fault)
			for range 2 {
				if e := r.says("U1ANN", "hi <@U2BEN>"); e.From.Name != "" || e.Text() != "hi @U2BEN" {
					t.Errorf("%+v: %q", e.From, e.Text())
				}
			}
			hit.Remove()
			if hit.Hits() != 1 {
				t.Errorf("%d look-ups while there was to be none", hit.Hits())
			}
			r.now = r.now.Add(tc.pause - time.Second)
			if e := r.says("U1ANN", "hi"); e.From.Name != "" {
				t.Errorf("too early: %+v", e.From)
			}
			r.now = r.now.Add(2 * time.Second)
			if e := r.says("U1ANN", "hi"); e.From.Name != "ann" {
				t.Errorf("later: %+v", e.From)
			}
		})
	}
}

// TestNamesNeedAScope: without it the log says once which, and where it is given.
func TestNamesNeedAScope(t *testing.T) {
	r := newNamedRig(t, "users:read")
	for range 3 {
		r.says("U1ANN", "hi")
	}
	said := r.log.String()
	if strings.Count(said, "scope users:read") != 1 || !strings.Contains(said, "https://api.slack.com/apps") || r.asked() != 1 {
		t.Errorf("%d look-ups, log %s", r.asked(), said)
	}
}
