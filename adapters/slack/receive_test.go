package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

var modes = []string{slack.ModeEvents, slack.ModeSocket}

// TestMentionIsOneEnvelope: the message and the app_mention of it are one, however often
// and in whatever order they come.
func TestMentionIsOneEnvelope(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r := start(t, mode)
			r.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate})
			r.sim.Inject(simulator.Fault{Kind: simulator.FaultReorder})
			r.sim.Inject(simulator.Fault{Kind: simulator.FaultLoseAck, Count: 2})
			r.run()
			said := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "<@" + botUser + "> hello &amp; welcome"})
			r.settle()
			all := r.await(1)
			if len(all) != 1 {
				t.Fatalf("%d envelopes: %+v", len(all), all)
			}
			e := all[0]
			if e.Text() != "hello & welcome" || !e.Addressed || e.In != inThread(said.TS) || e.Native != core.MessageID(said.TS) {
				t.Errorf("envelope %+v", e)
			}
			if n := r.in.ids[e.ID]; n < 4 {
				t.Errorf("it came %d times; the test shows nothing", n)
			}
		})
	}
}

// TestEverythingThatHappens: each thing people do arrives as its kind.
func TestEverythingThatHappens(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r := start(t, mode)
			r.run()
			said := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hello"})
			for _, err := range []error{
				r.sim.EditSaid(place, said.TS, "hello!"),
				r.sim.React(place, said.TS, ben, "+1", false),
				r.sim.React(place, said.TS, ben, "+1", true),
				r.sim.Slash(place, ann, "/Poll", "one, two"),
				r.sim.Delete(place, said.TS),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			r.sim.RawEvent(place, map[string]any{"type": "brand_new", "channel": place})
			r.speak(simulator.Utterance{Channel: place, User: ben, Text: "I am a bot", BotID: "B9"})
			var kinds []string
			for _, e := range r.await(8) {
				kinds = append(kinds, string(e.Kind))
			}
			if got, want := strings.Join(kinds, " "), "message edit reaction reaction message delete other other"; got != want {
				t.Errorf("kinds %s\nwant  %s", got, want)
			}
			if c, ok := r.in.list()[4].Command(); !ok || c != (core.Command{Name: "poll", Args: "one, two"}) {
				t.Errorf("command %+v", c)
			}
		})
	}
}

// TestQuestionAndThreadAreOneConversation: a question in a channel belongs to the thread
// that its answer opens, with all that happens to it and in it.
func TestQuestionAndThreadAreOneConversation(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r := start(t, mode)
			r.run()
			chatter := r.speak(simulator.Utterance{Channel: place, User: ben, Text: "not for you"})
			question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "<@" + botUser + "> hi"})
			reply := answer(r.await(2)[1].In, "hello")
			reply.InReplyTo = core.MessageID(question.TS)
			reply.Parts = append(reply.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}})
			r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
			if _, err := r.adapter.Send(t.Context(), reply); !fault.IsUnsure(err) {
				t.Fatalf("the answer of the server was lost: %v", err)
			}
			posted := r.byBot(place)
			if len(posted) != 1 || posted[0].ThreadTS != question.TS {
				t.Fatalf("posted %+v, want one in thread %s", posted, question.TS)
			}
			receipt, found, err := r.adapter.Reconcile(t.Context(), reply)
			if err != nil || !found || string(receipt.Message) != posted[0].TS {
				t.Errorf("reconcile: %+v, found %v, %v", receipt, found, err)
			}
			if n := len(r.sim.CallsOf("conversations.history")); n != 0 {
				t.Errorf("%d looks into the channel for what stands in a thread", n)
			}

			r.speak(simulator.Utterance{Channel: place, User: ann, Text: "and then?", ThreadTS: question.TS})
			dm := r.Chat(1)
			for _, err := range []error{
				r.sim.Press(place, posted[0].TS, ann, "b0.0"),
				r.sim.EditSaid(place, question.TS, "hi, all"),
				r.sim.EditSaid(place, question.TS, "<@"+botUser+"> and all, hi"),
				r.sim.Delete(place, question.TS),
				r.sim.Delete(place, chatter.TS),
				r.sim.Slash(place, ann, "/poll", ""),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			r.settle()
			r.Say(dm.Chat, "<@"+botUser+"> hi")
			thread := inThread(question.TS)
			want := []core.Conversation{inChannel(), thread, thread, thread, thread, thread, thread, inChannel(), inChannel(), dm}
			all := r.await(len(want))
			for i, e := range all {
				if e.In != want[i] {
					t.Errorf("%d, a %s, is in %+v, want %+v", i, e.Kind, e.In, want[i])
				}
			}
			if followUp := all[2]; followUp.Text() != "and then?" || !followUp.Addressed {
				t.Errorf("the follow-up is %+v", followUp)
			}
		})
	}
}

// TestThreadsOfTheBot: who writes where the bot has its say means it.
func TestThreadsOfTheBot(t *testing.T) {
	r := start(t, slack.ModeEvents)
	question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "<@" + botUser + "> hi"})
	strange := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "not for you"})
	reply := answer(inChannel(), "hello")
	reply.InReplyTo = core.MessageID(question.TS)
	// Another node sends it, so that this one has to look.
	other := newAdapter(t, r.api)
	if _, err := other.Send(t.Context(), reply); err != nil {
		t.Fatal(err)
	}
	r.speak(simulator.Utterance{Channel: place, User: ben, Text: "and me?", ThreadTS: question.TS})
	r.speak(simulator.Utterance{Channel: place, User: ben, Text: "indeed", ThreadTS: strange.TS})
	r.speak(simulator.Utterance{Channel: place, User: ben, Text: "yes", ThreadTS: strange.TS})
	for text, want := range map[string]bool{"and me?": true, "indeed": false, "yes": false, "not for you": false, "hi": true} {
		for _, e := range r.await(5) {
			if e.Text() == text && e.Addressed != want {
				t.Errorf("%q is addressed: %v", text, e.Addressed)
			}
		}
	}
	if n := len(r.sim.CallsOf("conversations.replies")); n > 2 {
		t.Errorf("%d looks into two threads", n)
	}
}

// TestAskedThreads: who goes on in a thread where the bot was asked means it, also before
// it answered, and also when another node heard the question.
func TestAskedThreads(t *testing.T) {
	for _, here := range []bool{true, false} {
		r := start(t, slack.ModeEvents)
		question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "<@" + botUser + "> hi"})
		r.await(1)
		if !here {
			other := newAdapter(t, r.api)
			r.Serve(other.Webhook(r.in))
		}
		r.speak(simulator.Utterance{Channel: place, User: ben, Text: "and me?", ThreadTS: question.TS})
		if e := r.await(2)[1]; !e.Addressed || e.In != inThread(question.TS) {
			t.Errorf("heard here %v: %+v", here, e)
		}
		aside := r.speak(simulator.Utterance{Channel: place, User: ben, Text: "<@" + botUser + "> I am a bot", BotID: "B9"})
		r.speak(simulator.Utterance{Channel: place, User: ben, Text: "not you", ThreadTS: aside.TS})
		for _, e := range r.await(5) {
			if e.Text() == "not you" && e.Addressed {
				t.Error("a bot's mention opens a thread of the bot")
			}
		}
	}
}

func TestWebhookBelievesOnlySlack(t *testing.T) {
	r := start(t, slack.ModeEvents)
	good := r.Body(r.Chat(0).Chat, "hello")
	sign := func(at time.Time, secretUsed string, data []byte) *http.Request {
		sim := simulator.New(simulator.Options{App: simulator.App{SigningSecret: secretUsed}, Now: func() time.Time { return at }})
		t.Cleanup(sim.Close)
		req := r.Forge(data)
		sim.Sign(req, data)
		return req
	}
	for name, tc := range map[string]struct {
		request *http.Request
		want    int
	}{
		"right":             {sign(time.Now(), signingSecret, good), 200},
		"clock behind":      {sign(time.Now().Add(-4*time.Minute), signingSecret, good), 200},
		"stale":             {sign(time.Now().Add(-6*time.Minute), signingSecret, good), 401},
		"from the future":   {sign(time.Now().Add(6*time.Minute), signingSecret, good), 401},
		"another secret":    {sign(time.Now(), "guess", good), 401},
		"unsigned":          {r.Forge(good), 401},
		"body changed":      {swapped(sign(time.Now(), signingSecret, good), r.Body(r.Chat(0).Chat, "other")), 401},
		"time changed":      {restamped(sign(time.Now().Add(-6*time.Minute), signingSecret, good)), 401},
		"signature is long": {with(sign(time.Now(), signingSecret, good), "X-Slack-Signature", "v0="+strings.Repeat("a", 10000)), 401},
		"no version":        {with(sign(time.Now(), signingSecret, good), "X-Slack-Signature", "zz"), 401},
		"not an object":     {sign(time.Now(), signingSecret, []byte(`[1]`)), 400},
		"deep":              {sign(time.Now(), signingSecret, bytes.Repeat([]byte("["), 1<<20)), 400},
		"invalid UTF-8":     {sign(time.Now(), signingSecret, []byte("{\"event\":{\"type\":\"\xff\"}}")), 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r.adapter.Webhook(r.in).ServeHTTP(w, tc.request)
			if w.Code != tc.want {
				t.Errorf("status %d, want %d", w.Code, tc.want)
			}
		})
	}
	if n := len(r.in.list()); n != 2 { // the good one and the one of an unknown type
		t.Errorf("%d envelopes", n)
	}
}

func with(r *http.Request, key, value string) *http.Request { r.Header.Set(key, value); return r }

func swapped(r *http.Request, data []byte) *http.Request {
	r.Body = io.NopCloser(bytes.NewReader(data))
	return r
}

func restamped(r *http.Request) *http.Request {
	return with(r, "X-Slack-Request-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
}

func TestWebhookAnswersAChallenge(t *testing.T) {
	r := start(t, slack.ModeEvents)
	hook := httptest.NewServer(r.adapter.Webhook(r.in))
	defer hook.Close()
	if err := r.sim.Verify(t.Context(), hook.URL); err != nil {
		t.Error(err)
	}
	if len(r.in.list()) != 0 {
		t.Error("a challenge became an envelope")
	}
}

// TestWebhookSaysWhenItCouldNotStore: then Slack tries again.
func TestWebhookSaysWhenItCouldNotStore(t *testing.T) {
	r := start(t, slack.ModeEvents)
	r.in.refuse = fault.New(fault.Retryable, "accept", errors.New("full"))
	w := httptest.NewRecorder()
	r.adapter.Webhook(r.in).ServeHTTP(w, r.Request(r.Body(r.Chat(0).Chat, "hello")))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}

// TestSocketKeepsWhatItCannotRead: events of unknown and broken shapes are stored and
// acknowledged, and do not stop the others.
func TestSocketKeepsWhatItCannotRead(t *testing.T) {
	r := start(t, slack.ModeSocket)
	r.run()
	r.sim.RawEvent(place, map[string]any{"type": "message", "text": 17, "blocks": "broken"})
	r.sim.RawDelivery("holograms", place, json.RawMessage(`"x"`))
	r.sim.RawDelivery("interactive", place, json.RawMessage(`[1]`))
	r.sim.RawDelivery("slash_commands", place, json.RawMessage(`null`))
	r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hello"})
	all := r.await(5)
	if last := all[len(all)-1]; last.Text() != "hello" {
		t.Errorf("last is %+v", last)
	}
	r.settle()
	if s := r.sim.Stats(); s.Retried != 0 || s.Delivered != 5 {
		t.Errorf("stats %+v", s)
	}
}

// TestSocketSurvivesDisconnects: a storm of them is met with growing pauses, and nothing
// is lost.
func TestSocketSurvivesDisconnects(t *testing.T) {
	r := start(t, slack.ModeSocket)
	r.sim.Storm(2)
	r.run()
	r.eventually("a connection lasts", func() bool { return r.sim.Stats().Connections == 1 })
	opened := r.sim.CallsOf("apps.connections.open")
	if len(opened) != 3 {
		t.Errorf("%d connections were asked for, want 3", len(opened))
	}
	for i := 2; i < len(opened); i++ {
		if a, b := opened[i].At.Sub(opened[i-1].At), opened[i-1].At.Sub(opened[i-2].At); a < b {
			t.Errorf("pause %d is %v after one of %v", i, a, b)
		}
	}
	r.speak(simulator.Utterance{Channel: place, User: ann, Text: "one"})
	r.await(1)
	r.sim.Disconnect("warning")
	r.sim.Disconnect("refresh_requested")
	r.speak(simulator.Utterance{Channel: place, User: ann, Text: "two"})
	r.await(2)
}

// TestSocketEndsWhenSomebodyMustAct: with what is to be done, and without a secret.
func TestSocketEndsWhenSomebodyMustAct(t *testing.T) {
	for name, tc := range map[string]struct {
		fault simulator.Fault
		class fault.Class
		says  string
	}{
		"revoked":      {simulator.Fault{Kind: simulator.FaultError, Error: "token_revoked", Method: "apps.connections.open"}, fault.NeedsHuman, "revoked"},
		"inactive":     {simulator.Fault{Kind: simulator.FaultError, Error: "account_inactive", Method: "auth.test"}, fault.NeedsHuman, "account sl"},
		"scope":        {simulator.Fault{Kind: simulator.FaultError, Error: "missing_scope", Needed: "connections:write", Method: "apps.connections.open"}, fault.NeedsHuman, "connections:write"},
		"switched off": {simulator.Fault{Kind: simulator.FaultError, Error: "forbidden_team", Method: "apps.connections.open"}, fault.NeedsHuman, "switch Socket Mode on"},
		"flood":        {simulator.Fault{Kind: simulator.FaultTooManyRequests, RetryAfter: 5, Method: "apps.connections.open"}, fault.RateLimited, ""},
		"out of order": {simulator.Fault{Kind: simulator.FaultServerError, Method: "apps.connections.open"}, fault.Retryable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, slack.ModeSocket)
			r.sim.Inject(tc.fault)
			err := r.adapter.Run(t.Context(), r.in)
			if fault.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
			noSecret(t, err)
		})
	}
}

// TestSocketStopsBehindWhatIsRefused: nothing later of the chat is taken before it.
func TestSocketStopsBehindWhatIsRefused(t *testing.T) {
	r := start(t, slack.ModeSocket, func(o *simulator.Options, _ *slack.Config) { o.Unordered = true })
	r.in.refuse = fault.New(fault.RateLimited, "accept", errors.New("full"), fault.WithWait(time.Second))
	for _, text := range []string{"one", "two", "three"} {
		r.speak(simulator.Utterance{Channel: place, User: ann, Text: text})
	}
	err := r.adapter.Run(t.Context(), r.in)
	if fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) != time.Second {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
	r.in.mu.Lock()
	r.in.refuse = nil
	r.in.mu.Unlock()
	r.run()
	r.await(3)
}

func TestConfig(t *testing.T) {
	valid := func() *slack.Config { return configOf(t, "http://127.0.0.1:1/api/") }
	for name, tc := range map[string]struct {
		change func(*slack.Config)
		key    string
	}{
		"no bot token":      {func(c *slack.Config) { c.BotToken = secret.String{} }, "bot_token"},
		"odd bot token":     {func(c *slack.Config) { c.BotToken = secret.New("a b") }, "bot_token"},
		"no app token":      {func(c *slack.Config) { c.Mode, c.AppToken = slack.ModeSocket, secret.String{} }, "app_token"},
		"no signing secret": {func(c *slack.Config) { c.SigningSecret = secret.String{} }, "signing_secret"},
		"odd mode":          {func(c *slack.Config) { c.Mode = "rtm" }, "mode"},
		"odd address":       {func(c *slack.Config) { c.APIURL = "slack.com" }, "api_url"},
		"address with more": {func(c *slack.Config) { c.APIURL = "https://slack.com/api/?x" }, "api_url"},
		"odd limit":         {func(c *slack.Config) { c.Limits.Chat = adapters.Rate{Count: 1} }, "limits.chat"},
	} {
		t.Run(name, func(t *testing.T) {
			c := valid()
			tc.change(c)
			problems := c.Validate()
			if len(problems) != 1 || problems[0].Key != tc.key {
				t.Errorf("problems %+v, want one of %s", problems, tc.key)
			}
			if _, err := slack.Factory().New(adapters.Settings{Account: "sl", Config: c, Log: zerolog.Nop()}); fault.ClassOf(err) != fault.NeedsHuman {
				t.Errorf("made all the same: %v", err)
			}
		})
	}
	c := valid()
	c.AppToken = secret.String{}
	if problems := c.Validate(); len(problems) != 0 || !c.NeedsPublicURL() {
		t.Errorf("problems %+v", problems)
	}
	c = valid()
	c.Mode, c.SigningSecret = slack.ModeSocket, secret.String{}
	if problems := c.Validate(); len(problems) != 0 || c.NeedsPublicURL() {
		t.Errorf("problems %+v", problems)
	}
}
