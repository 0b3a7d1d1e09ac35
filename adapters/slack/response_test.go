package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// abroad is a channel that the bot is not in.
const abroad = "C0ABROAD"

// slashed is a rig where ann used a command abroad, and its envelope.
func slashed(t *testing.T, mode string) (*rig, core.Envelope) {
	t.Helper()
	r := start(t, mode)
	r.sim.AddChannel(abroad, "abroad", ann, ben)
	r.run()
	// The simulator learns from the first call under which address it is reached.
	r.eventually("the bot knows its name", func() bool { return len(r.sim.CallsOf("auth.test")) > 0 })
	if err := r.sim.Slash(abroad, ann, "/Poll", "one, two"); err != nil {
		t.Fatal(err)
	}
	e := r.await(1)[0]
	if c, ok := e.Command(); !ok || c != (core.Command{Name: "poll", Args: "one, two"}) || !e.Addressed || e.In.Chat != abroad {
		t.Fatalf("envelope %+v", e)
	}
	return r, e
}

func reply(e core.Envelope, index int, text string) core.Reply {
	r := answer(e.In, text)
	r.ID = core.ReplyTo(e.ID, index)
	return r
}

// TestAnswersFromOutside: where the bot is no member a command and a button are answered
// by the address that came with them, five times.
func TestAnswersFromOutside(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r, e := slashed(t, mode)
			long := reply(e, 0, strings.Repeat("word ", 1200))
			long.Parts = append(long.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}})
			for more := true; more; {
				receipt, err := r.adapter.Send(t.Context(), long)
				if err != nil {
					t.Fatal(err)
				}
				long.Sent, more = append(long.Sent, receipt.Message), receipt.More
			}
			posted := r.byBot(abroad)
			if len(posted) != 2 || len(long.Sent) != 2 || long.Sent[0] == long.Sent[1] || posted[1].Ephemeral != "" {
				t.Fatalf("%d messages, ids %v", len(posted), long.Sent)
			}
			if err := r.sim.Press(abroad, posted[1].TS, ben, "b0.0"); err != nil {
				t.Fatal(err)
			}
			pressed := r.await(2)[1]
			if pressed.Kind != core.KindAction || pressed.From.Name != "ben" {
				t.Errorf("pressed: %+v", pressed)
			}
			if _, err := r.adapter.Send(t.Context(), reply(pressed, 0, "thanks")); err != nil {
				t.Error(err)
			}
			for i := range 4 {
				_, err := r.adapter.Send(t.Context(), reply(e, i+1, "again"))
				if i < 3 && err != nil || i == 3 && (fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "not_in_channel")) {
					t.Errorf("answer %d: %v", i+3, err)
				}
			}
			if n := len(r.byBot(abroad)); n != 6 {
				t.Errorf("%d messages, want 6", n)
			}
			draft := reply(pressed, 1, "growing")
			draft.Final = false
			if _, err := r.adapter.Send(t.Context(), draft); fault.ClassOf(err) != fault.Permanent {
				t.Errorf("a draft: %v", err)
			}
			long.Sent = append(long.Sent, long.Sent[1])
			if _, err := r.adapter.Send(t.Context(), long); fault.ClassOf(err) != fault.Permanent {
				t.Errorf("behind the end: %v", err)
			}
		})
	}
}

// TestAnswersFromOutsideFail: with their class, never twice, and never to another host.
func TestAnswersFromOutsideFail(t *testing.T) {
	r, e := slashed(t, slack.ModeEvents)
	forget := newAdapter(t, r.api)
	if _, err := forget.Send(t.Context(), reply(e, 0, "hi")); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "not_in_channel") {
		t.Errorf("behind a restart: %v", err)
	}
	for _, tc := range []struct {
		kind   simulator.FaultKind
		class  fault.Class
		unsure bool
	}{
		{simulator.FaultTooManyRequests, fault.RateLimited, false},
		{simulator.FaultServerError, fault.Retryable, true},
		{simulator.FaultDropAfter, fault.Retryable, true},
		{simulator.FaultError, fault.Permanent, false},
	} {
		r.sim.Inject(simulator.Fault{Kind: tc.kind, Method: simulator.MethodResponse, Error: "expired_url", RetryAfter: 2})
		_, err := r.adapter.Send(t.Context(), reply(e, 0, "hi"))
		if fault.ClassOf(err) != tc.class || fault.IsUnsure(err) != tc.unsure {
			t.Errorf("%s: class %s, unsure %v: %v", tc.kind, fault.ClassOf(err), fault.IsUnsure(err), err)
		}
		noSecret(t, err)
		if err != nil && strings.Contains(err.Error(), "/response/") {
			t.Errorf("the address is in %q", err)
		}
	}
	if n := len(r.byBot(abroad)); n != 1 {
		t.Errorf("%d messages, want the one whose answer was lost", n)
	}
	form := "command=%2Fx&team_id=T0SIM&channel_id=" + abroad + "&user_id=" + ann + "&trigger_id=7&response_url=http%3A%2F%2F169.254.169.254%2F"
	r.form(form)
	evil := r.await(2)[1]
	if _, err := r.adapter.Send(t.Context(), reply(evil, 0, "hi")); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "host") {
		t.Errorf("to another host: %v", err)
	}
}

// TestResponseURLsGrowOld: after half an hour Slack takes no answer any more.
func TestResponseURLsGrowOld(t *testing.T) {
	now := time.Now()
	r := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.Now = func() time.Time { return now } })
	r.sim.AddChannel(abroad, "abroad", ann)
	if err := r.sim.Slash(abroad, ann, "/poll", ""); err != nil {
		t.Fatal(err)
	}
	e := r.await(1)[0]
	now = now.Add(31 * time.Minute)
	if _, err := r.adapter.Send(t.Context(), reply(e, 0, "hi")); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("after half an hour: %v", err)
	}
}
