package slack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// inbox keeps what it is given, each envelope once.
type inbox struct {
	mu     sync.Mutex
	refuse error
	all    []core.Envelope
	ids    map[core.EnvelopeID]int
	bell   chan struct{}
	opened chan struct{}
}

func newInbox() *inbox {
	return &inbox{ids: map[core.EnvelopeID]int{}, bell: make(chan struct{}, 1), opened: make(chan struct{}, 1000)}
}

func (in *inbox) Connected() { in.opened <- struct{}{} }

func (in *inbox) Accept(_ context.Context, e core.Envelope) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.refuse != nil {
		return in.refuse
	}
	in.ids[e.ID]++
	if in.ids[e.ID] == 1 {
		in.all = append(in.all, e)
	}
	select {
	case in.bell <- struct{}{}:
	default:
	}
	return nil
}

// list gives what came and was no echo of the bot.
func (in *inbox) list() []core.Envelope {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []core.Envelope
	for _, e := range in.all {
		if e.Kind != core.KindOther || e.From.ID != botUser {
			out = append(out, e)
		}
	}
	return out
}

// rig is an adapter at the simulator, receiving.
type rig struct {
	*simulated
	t       *testing.T
	adapter *slack.Adapter
	in      *inbox
}

const (
	ann   = "U1ANN"
	ben   = "U2BEN"
	place = "C00001"
)

// start makes a rig with two people and a channel.
func start(t *testing.T, mode string, change ...func(*simulator.Options, *slack.Config)) *rig {
	t.Helper()
	a, p := newSimulated(mode, change...)(t, zerolog.Nop())
	s, ok := p.(*simulated)
	if !ok {
		t.Fatal("not the simulator")
	}
	adapter, ok := a.(*slack.Adapter)
	if !ok {
		t.Fatal("not the adapter")
	}
	r := &rig{simulated: s, t: t, adapter: adapter, in: newInbox()}
	s.sim.AddUser(ann, "ann")
	s.sim.AddUser(ben, "ben")
	s.sim.AddChannel(place, "general", ann, ben, botUser)
	s.Serve(adapter.Webhook(r.in))
	return r
}

// run receives until the test ends.
func (r *rig) run() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.adapter.Run(ctx, r.in) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("run: %v", err)
		}
	})
}

// await waits until n envelopes came that are no echoes.
func (r *rig) await(n int) []core.Envelope {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		if all := r.in.list(); len(all) >= n {
			return all
		}
		select {
		case <-r.in.bell:
		case <-ctx.Done():
			r.t.Fatalf("%d of %d came", len(r.in.list()), n)
		}
	}
}

// settle waits until the app was told everything.
func (r *rig) settle() {
	r.t.Helper()
	r.eventually("nothing waits", func() bool { return r.sim.Stats().Waiting == 0 })
}

func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.sim.Wait(ctx, cond); err != nil {
		r.t.Fatalf("waiting until %s: %v", what, err)
	}
}

func (r *rig) speak(u simulator.Utterance) simulator.Posted {
	r.t.Helper()
	p, err := r.sim.Speak(u)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// byBot gives the bot's messages in a channel.
func (r *rig) byBot(channel string) []simulator.Posted {
	var out []simulator.Posted
	for _, p := range r.sim.Shown(channel) {
		if p.ByBot {
			out = append(out, p)
		}
	}
	return out
}

func inChannel() core.Conversation {
	return core.Conversation{Account: "sl", Place: core.Group, Chat: place}
}

func inThread(ts string) core.Conversation {
	c := inChannel()
	c.Thread = core.ThreadID(ts)
	return c
}

func answer(to core.Conversation, text string) core.Reply {
	return core.Reply{
		ID: core.ReplyTo(core.NewEnvelopeID("sl", core.KindMessage, text), 0), Final: true, To: to,
		Parts: []core.Part{core.Text{Text: text, Format: core.Markdown}},
	}
}

// answering is an adapter whose server gives one answer to all calls.
func answering(t *testing.T, h http.HandlerFunc) *slack.Adapter {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return newAdapter(t, web.URL+"/api/")
}

func newAdapter(t *testing.T, api string) *slack.Adapter {
	t.Helper()
	a, err := slack.Factory().New(adapters.Settings{Account: "sl", Config: configOf(t, api), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	adapter, ok := a.(*slack.Adapter)
	if !ok {
		t.Fatal("not the adapter")
	}
	return adapter
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("a secret is in %q", text)
			}
		}
	}
}

// form calls the adapter with a form, as Slack does.
func (r *rig) form(form string) {
	r.t.Helper()
	req := r.Request([]byte(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	r.adapter.Webhook(r.in).ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		r.t.Fatalf("status %d", w.Code)
	}
}
