package slack_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// asked is a rig where ann asked something in a channel, and the conversation of it.
func asked(t *testing.T, change ...func(*simulator.Options, *slack.Config)) (*rig, core.Conversation) {
	t.Helper()
	r := start(t, slack.ModeEvents, change...)
	r.speak(simulator.Utterance{Channel: place, User: ann, Text: "<@" + botUser + "> hi"})
	return r, r.await(1)[0].In
}

// drafted shows words of a reply that grows: in a new message, or in the one it has.
func (r *rig) drafted(reply core.Reply, message core.MessageID, text string) core.MessageID {
	r.t.Helper()
	reply.Final, reply.Parts = false, []core.Part{core.Text{Text: text, Format: core.Markdown}}
	var receipt core.Receipt
	var err error
	if message == "" {
		receipt, err = r.adapter.Send(r.t.Context(), reply)
	} else {
		receipt, err = r.adapter.Edit(r.t.Context(), message, reply)
	}
	if err != nil || receipt.More {
		r.t.Fatalf("draft %q: %+v, %v", text, receipt, err)
	}
	return receipt.Message
}

func (r *rig) edited(message core.MessageID, reply core.Reply) core.Receipt {
	r.t.Helper()
	receipt, err := r.adapter.Edit(r.t.Context(), message, reply)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

// only is the one message of the bot in the channel.
func (r *rig) only() simulator.Posted {
	r.t.Helper()
	all := r.byBot(place)
	if len(all) != 1 {
		r.t.Fatalf("%d messages: %+v", len(all), all)
	}
	return all[0]
}

// calls counts the calls of some methods, in the order of the names.
func (r *rig) calls(methods ...string) string {
	var out []string
	for _, m := range methods {
		out = append(out, fmt.Sprint(len(r.sim.CallsOf(m))))
	}
	return strings.Join(out, " ")
}

// methods of drafts and finals.
var showing = []string{"chat.startStream", "chat.appendStream", "chat.stopStream", "chat.update", "chat.postMessage"}

// TestStream: a draft in a thread grows by what is new, and its last words, buttons and
// metadata end it.
func TestStream(t *testing.T) {
	r, in := asked(t)
	reply := answer(in, "**Hello**, <@U1ANN> how are you?")
	reply.Parts = append(reply.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Fine", Data: "fine"}}}})
	id := r.drafted(reply, "", "**Hel")
	if p := r.only(); !p.Streaming || p.Metadata != nil || p.ThreadTS != string(in.Thread) {
		t.Errorf("the draft is %+v", p)
	}
	for _, text := range []string{"**Hello**, <", "**Hello**, <", "**Hello**, <@U1ANN> how"} {
		r.drafted(reply, id, text)
	}
	for range 2 { // the second finds it done
		if receipt := r.edited(id, reply); receipt.More || receipt.Message != id {
			t.Errorf("receipt %+v", receipt)
		}
		p := r.only()
		if p.Streaming || p.Metadata == nil || p.Metadata.EventPayload["reply"] != string(reply.ID) {
			t.Errorf("the final is %+v", p)
		}
		if err := r.sim.Press(place, p.TS, ann, "b0.0"); err != nil {
			t.Error(err)
		}
		if got := r.calls(showing[:3]...); got != "1 2 1" {
			t.Errorf("started, appended, stopped: %s", got)
		}
		if strings.Contains(p.Text, "<@U1ANN>") {
			t.Errorf("words of a model call somebody: %q", p.Text)
		}
	}
	if receipt, found, err := r.adapter.Reconcile(t.Context(), reply); err != nil || !found || receipt.Message != id {
		t.Errorf("reconcile: %+v, %v, %v", receipt, found, err)
	}
	start := r.sim.CallsOf("chat.startStream")[0].Params
	if start["recipient_user_id"] != ann || start["recipient_team_id"] != "T0SIM" {
		t.Errorf("started with %v", start)
	}
}

// TestStreamEndsOtherwise: what does not go on with the stream's words takes its place.
func TestStreamEndsOtherwise(t *testing.T) {
	long := "begin " + strings.Repeat("word ", 1000)
	for name, tc := range map[string]struct {
		drafts []string
		final  string
		more   bool
	}{
		"began again":        {[]string{"begin", "other words", "other words grow"}, "other words grew", false},
		"final is another":   {[]string{"begin"}, "sorry", false},
		"longer than fits":   {[]string{"begin", long, long + "more"}, long, true},
		"final has a gap":    {[]string{"begin <"}, "begin < and end", false},
		"half a letter":      {[]string{"begin \xc3", "begin é"}, "begin é", false},
		"what stands is cut": {[]string{long, long + long}, "begin", false},
	} {
		t.Run(name, func(t *testing.T) {
			r, in := asked(t)
			reply := answer(in, tc.final)
			id := core.MessageID("")
			for _, text := range tc.drafts {
				id = r.drafted(reply, id, text)
				if n := len([]rune(r.only().Text)); n > 3900 {
					t.Errorf("a draft of %d signs", n)
				}
			}
			receipt := r.edited(id, reply)
			p := r.only()
			if receipt.More != tc.more || p.Streaming || p.Metadata == nil || !tc.more && p.Text != tc.final {
				t.Errorf("more %v, %.60q, %+v", receipt.More, p.Text, p.Metadata)
			}
			if tc.more && string(p.Blocks) != "" {
				t.Errorf("the blocks of the stream stand: %.60s", p.Blocks)
			}
		})
	}
}

// TestStreamAfterACrash: who does not know of a stream stops it.
func TestStreamAfterACrash(t *testing.T) {
	for _, fails := range []simulator.Fault{
		{Kind: simulator.FaultDelay, Delay: time.Millisecond, Method: "chat.update"}, // harmless
		{Kind: simulator.FaultDropAfter, Method: "chat.stopStream"},
		{Kind: simulator.FaultTooManyRequests, Method: "chat.stopStream"},
	} {
		t.Run(string(fails.Kind), func(t *testing.T) {
			r, in := asked(t)
			reply := answer(in, "hello there")
			id := r.drafted(reply, "", "hel")
			r.sim.Inject(fails)
			other := newAdapter(t, r.api)
			_, err := other.Edit(t.Context(), id, reply)
			if err != nil { // the Deliverer tries again
				if class := fault.ClassOf(err); class != fault.Retryable && class != fault.RateLimited {
					t.Fatal(err)
				}
				if _, err = other.Edit(t.Context(), id, reply); err != nil {
					t.Fatal(err)
				}
			}
			if p := r.only(); p.Streaming || p.Text != "hello there" || p.Metadata == nil || string(p.Blocks) != "" {
				t.Errorf("the final is %+v", p)
			}
		})
	}
}

// TestStreamThatIsOver: by its age, or because somebody stopped it.
func TestStreamThatIsOver(t *testing.T) {
	for _, how := range []string{"old", "stopped", "lost"} {
		for _, final := range []bool{false, true} {
			t.Run(fmt.Sprint(how, " final ", final), func(t *testing.T) {
				var ahead atomic.Int64
				r, in := asked(t, func(o *simulator.Options, _ *slack.Config) {
					o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
				})
				reply := answer(in, "hello there")
				id := r.drafted(reply, "", "hel")
				switch how {
				case "old":
					ahead.Store(int64(6 * time.Minute))
				case "stopped":
					if err := r.sim.StopStream(place, string(id)); err != nil {
						t.Fatal(err)
					}
				case "lost":
					r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.appendStream"})
					draft := reply
					draft.Final = false
					if _, err := r.adapter.Edit(t.Context(), id, draft); !fault.IsUnsure(err) {
						t.Fatalf("the answer was lost: %v", err)
					}
				}
				if !final {
					r.drafted(reply, id, "hello th")
				}
				r.edited(id, reply)
				if p := r.only(); p.Streaming || p.Text != "hello there" || p.Metadata == nil {
					t.Errorf("the final is %+v", p)
				}
			})
		}
	}
}

// TestWhereDraftsAreStreams: in threads where it is known who asked, and where Slack lets
// them be.
func TestWhereDraftsAreStreams(t *testing.T) {
	r, in := asked(t)
	question := r.speak(simulator.Utterance{Channel: string(r.Chat(1).Chat), User: userOf(1), Text: "hi"})
	stranger := r.speak(simulator.Utterance{Channel: place, User: ben, Text: "not heard", BotID: "B9"})
	pane := r.Chat(1)
	pane.Thread = core.ThreadID(question.TS)
	r.settle()
	inReply := answer(inChannel(), "x")
	inReply.InReplyTo = core.MessageID(in.Thread)
	for name, tc := range map[string]struct {
		reply core.Reply
		want  string
	}{
		"a thread":             {answer(in, "x"), "1 0"},
		"the question's":       {inReply, "1 0"},
		"nobody asked":         {answer(inThread(stranger.TS), "x"), "0 1"},
		"direct messages":      {answer(r.Chat(1), "x"), "0 1"},
		"a thread among these": {answer(pane, "x"), "1 0"},
	} {
		before := [2]int{len(r.sim.CallsOf("chat.startStream")), len(r.sim.CallsOf("chat.postMessage"))}
		r.drafted(tc.reply, "", "growing")
		started, posted := len(r.sim.CallsOf("chat.startStream"))-before[0], len(r.sim.CallsOf("chat.postMessage"))-before[1]
		if got := fmt.Sprint(started, posted); got != tc.want {
			t.Errorf("%s: %s streams and messages, want %s", name, got, tc.want)
		}
	}
	plain := answer(in, "1 < 2")
	plain.Final, plain.Parts = false, []core.Part{core.Text{Text: "*not* Markdown"}}
	if _, err := r.adapter.Send(t.Context(), plain); err != nil || r.calls("chat.startStream") != "3" {
		t.Errorf("plain words: %v", err)
	}
}

// TestStreamsThatMayNotBegin: the draft is a message then, and no other stream is tried
// for as long as that holds.
func TestStreamsThatMayNotBegin(t *testing.T) {
	for _, tc := range []struct {
		fault simulator.Fault
		tries string
	}{
		{simulator.Fault{Kind: simulator.FaultTooManyRequests, RetryAfter: 30}, "1"},
		{simulator.Fault{Kind: simulator.FaultError, Error: "unknown_method"}, "1"},
		{simulator.Fault{Kind: simulator.FaultError, Error: "missing_scope", Needed: "assistant:write"}, "1"},
		{simulator.Fault{Kind: simulator.FaultError, Error: "channel_type_not_supported"}, "2"},
	} {
		t.Run(fmt.Sprint(tc.fault.Kind, tc.fault.Error), func(t *testing.T) {
			r, in := asked(t)
			tc.fault.Method = "chat.startStream"
			r.sim.Inject(tc.fault)
			for range 2 {
				id := r.drafted(answer(in, "x"), "", "grow")
				r.drafted(answer(in, "x"), id, "growing")
			}
			if got := r.calls("chat.startStream"); got != tc.tries {
				t.Errorf("%s tries, want %s", got, tc.tries)
			}
		})
	}
	r, in := asked(t)
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultError, Error: "token_revoked", Method: "chat.startStream"})
	draft := answer(in, "x")
	draft.Final = false
	if _, err := r.adapter.Send(t.Context(), draft); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("revoked: %v", err)
	}
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.startStream"})
	if _, err := r.adapter.Send(t.Context(), draft); !fault.IsUnsure(err) {
		t.Errorf("lost: %v", err)
	}
}

// TestStreamsKeepToTheirTier: many threads at once make no call too many.
func TestStreamsKeepToTheirTier(t *testing.T) {
	r, in := asked(t, func(o *simulator.Options, _ *slack.Config) { o.Tiers = true })
	for i := range 30 {
		reply := answer(in, fmt.Sprint("answer ", i))
		r.edited(r.drafted(reply, "", "ans"), reply)
	}
	refused := 0
	for i := range 30 { // where there are no threads
		reply := answer(r.Chat(i), fmt.Sprint("message ", i))
		draft := reply
		draft.Final = false
		receipt, err := r.adapter.Send(t.Context(), draft)
		if err != nil {
			if refused++; fault.ClassOf(err) != fault.Permanent {
				t.Fatal(err)
			}
			continue
		}
		for range 5 {
			r.drafted(reply, receipt.Message, "message "+strings.Repeat("x", i))
		}
		r.edited(receipt.Message, reply)
	}
	for _, c := range r.sim.Calls() {
		if c.Error == "ratelimited" {
			t.Errorf("%s is called too often", c.Method)
		}
	}
	if got := r.calls("chat.startStream", "chat.stopStream", "chat.update"); got != "20 20 50" || len(r.byBot(place)) != 30 || refused != 20 {
		t.Errorf("%s streams and updates, %d messages, %d drafts without room", got, len(r.byBot(place)), refused)
	}
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "chat.update", RetryAfter: 4})
	_, err := r.adapter.Edit(t.Context(), core.MessageID(r.byBot(place)[0].TS), answer(in, "x"))
	if fault.ScopeOf(err) != fault.ScopeMethod || fault.Wait(err) != 4*time.Second {
		t.Errorf("a 429: scope %d, wait %v: %v", fault.ScopeOf(err), fault.Wait(err), err)
	}
}
