package slack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

func configOf(t *testing.T, api string) *slack.Config {
	t.Helper()
	c, ok := slack.Factory().Defaults().(*slack.Config)
	if !ok {
		t.Fatal("the defaults are of another type")
	}
	c.APIURL = api
	c.BotToken, c.AppToken, c.SigningSecret = secret.New(botToken), secret.New(appToken), secret.New(signingSecret)
	return c
}

func body(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, text)
	}
}

func no(code string) http.HandlerFunc { return body(http.StatusOK, `{"ok":false,"error":"`+code+`"}`) }

func limited(status int, wait string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", wait)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, `{"ok":false,"error":"ratelimited"}`)
	}
}

func drop(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestSendFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		class  fault.Class
		wait   time.Duration
		unsure bool
		says   string
	}{
		"flood":            {limited(429, "33"), fault.RateLimited, 33 * time.Second, false, ""},
		"flood, no header": {body(429, ""), fault.RateLimited, time.Second, false, ""},
		"flood, nonsense":  {limited(429, "soon"), fault.RateLimited, time.Second, false, ""},
		"flood in words":   {no("ratelimited"), fault.RateLimited, time.Second, false, ""},
		"invalid auth":     {no("invalid_auth"), fault.NeedsHuman, 0, false, "account sl"},
		"not authed":       {no("not_authed"), fault.NeedsHuman, 0, false, "https://api.slack.com/apps"},
		"inactive":         {no("account_inactive"), fault.NeedsHuman, 0, false, "install the app again"},
		"revoked":          {no("token_revoked"), fault.NeedsHuman, 0, false, "revoked"},
		"missing scope":    {body(200, `{"ok":false,"error":"missing_scope","needed":"chat:write"}`), fault.NeedsHuman, 0, false, "chat:write"},
		"no channel":       {no("channel_not_found"), fault.Permanent, 0, false, "channel_not_found"},
		"not in channel":   {no("not_in_channel"), fault.Permanent, 0, false, ""},
		"archived":         {no("is_archived"), fault.Permanent, 0, false, ""},
		"unknown code":     {no("brand_new"), fault.Permanent, 0, false, "brand_new"},
		"unavailable":      {no("service_unavailable"), fault.Retryable, 0, false, ""},
		"fatal":            {no("fatal_error"), fault.Retryable, 0, true, ""},
		"internal":         {no("internal_error"), fault.Retryable, 0, true, ""},
		"server error":     {body(503, "<html>"), fault.Retryable, 0, true, ""},
		"forbidden":        {body(403, "<html>"), fault.NeedsHuman, 0, false, ""},
		"redirect":         {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, fault.Retryable, 0, false, ""},
		"connection lost":  {drop, fault.Retryable, 0, true, ""},
		"half an answer":   {body(200, `{"ok":true,"ts":`), fault.Retryable, 0, true, ""},
		"a page":           {body(200, `<html>`), fault.Retryable, 0, true, ""},
		"no message in it": {body(200, `{"ok":true}`), fault.Retryable, 0, true, ""},
		"token echoed":     {no(botToken + " is bad"), fault.Permanent, 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := answering(t, tc.answer)
			_, err := a.Send(t.Context(), answer(inChannel(), "hi"))
			if fault.ClassOf(err) != tc.class || fault.Wait(err) != tc.wait || fault.IsUnsure(err) != tc.unsure {
				t.Errorf("class %s, wait %v, unsure %v: %v", fault.ClassOf(err), fault.Wait(err), fault.IsUnsure(err), err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%q does not say %q", err, tc.says)
			}
			noSecret(t, err)
		})
	}
}

func TestSendToNobody(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	a := newAdapter(t, gone.URL+"/api/")
	_, err := a.Send(t.Context(), answer(inChannel(), "hi"))
	if fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("class %s, unsure %v: %v", fault.ClassOf(err), fault.IsUnsure(err), err)
	}
	noSecret(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.Send(ctx, answer(inChannel(), "hi"))
	if fault.IsUnsure(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: unsure %v: %v", fault.IsUnsure(err), err)
	}
}

func TestSendRefusesForeignIDs(t *testing.T) {
	a := answering(t, body(200, `{"ok":true}`))
	for _, r := range []core.Reply{
		answer(core.Conversation{Chat: "-100"}, "hi"),
		answer(core.Conversation{Chat: "C1", Thread: "7"}, "hi"),
		answer(inChannel(), ""),
		{Final: true, To: inChannel()},
	} {
		if _, err := a.Send(t.Context(), r); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := a.Edit(t.Context(), "m1", answer(inChannel(), "hi")); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("edit: %v", err)
	}
}

// TestWhereRepliesStand: in a channel in the thread of the question, in a thread
// there, in direct messages as they are.
func TestWhereRepliesStand(t *testing.T) {
	r := start(t, slack.ModeEvents)
	question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	for _, tc := range []struct {
		to     core.Conversation
		quotes string
		want   string
	}{
		{inChannel(), question.TS, question.TS},
		{inChannel(), "", ""},
		{inThread(question.TS), "1.5", question.TS},
		{r.Chat(1), "1.5", ""},
	} {
		reply := answer(tc.to, "answer")
		reply.InReplyTo = core.MessageID(tc.quotes)
		receipt, err := r.adapter.Send(t.Context(), reply)
		if err != nil {
			t.Fatal(err)
		}
		posted := r.byBot(string(tc.to.Chat))
		if last := posted[len(posted)-1]; last.ThreadTS != tc.want || last.TS != string(receipt.Message) {
			t.Errorf("to %+v: in thread %q, want %q", tc.to, last.ThreadTS, tc.want)
		}
	}
}

func TestButtons(t *testing.T) {
	r := start(t, slack.ModeEvents)
	reply := answer(inChannel(), "**choose** "+strings.Repeat("word ", 700))
	reply.Parts = append(reply.Parts, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "poll:y"}, {Label: "Docs", URL: "https://x.org"}}}})
	if _, err := r.adapter.Send(t.Context(), reply); err != nil {
		t.Fatal(err)
	}
	p := r.byBot(place)[0]
	if err := r.sim.Press(place, p.TS, ann, "b0.0"); err != nil {
		t.Fatal(err)
	}
	e := r.await(1)[0]
	if !slices.Contains(e.Parts, core.Part(core.Action{Data: "poll:y"})) || e.Native != core.MessageID(p.TS) || e.From.ID != ann || e.Kind != core.KindAction {
		t.Errorf("envelope %+v", e)
	}
}

// TestReconcile: what was stored and whose answer was lost is found, in whatever place,
// and is not taken for another piece, another reply or a draft.
func TestReconcile(t *testing.T) {
	r := start(t, slack.ModeEvents)
	question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	for name, to := range map[string]core.Conversation{"private": r.Chat(1), "channel": inChannel(), "thread": inThread(question.TS)} {
		for _, kind := range []simulator.FaultKind{simulator.FaultDropAfter, simulator.FaultServerErrorAfter} {
			t.Run(name+" "+string(kind), func(t *testing.T) {
				reply := answer(to, name+string(kind)+strings.Repeat(" word", 1000))
				if _, found, err := r.adapter.Reconcile(t.Context(), reply); found || err != nil {
					t.Fatalf("before it was sent: found %v, %v", found, err)
				}
				draft := reply
				draft.Final = false
				if _, err := r.adapter.Send(t.Context(), draft); err != nil {
					t.Fatal(err)
				}
				if _, found, err := r.adapter.Reconcile(t.Context(), reply); found || err != nil {
					t.Fatalf("only a draft was sent: found %v, %v", found, err)
				}
				r.sim.Inject(simulator.Fault{Kind: kind, Method: "chat.postMessage"})
				_, err := r.adapter.Send(t.Context(), reply)
				if !fault.IsUnsure(err) {
					t.Fatalf("unsure %v: %v", fault.IsUnsure(err), err)
				}
				receipt, found, err := r.adapter.Reconcile(t.Context(), reply)
				if err != nil || !found || !receipt.More || receipt.At.IsZero() {
					t.Fatalf("receipt %+v, found %v, %v", receipt, found, err)
				}
				posted := r.byBot(string(to.Chat))
				if posted[len(posted)-1].TS != string(receipt.Message) {
					t.Errorf("found %s, last is %s", receipt.Message, posted[len(posted)-1].TS)
				}
				reply.Sent = []core.MessageID{receipt.Message}
				if _, found, err := r.adapter.Reconcile(t.Context(), reply); found || err != nil {
					t.Errorf("the second piece was not sent: found %v, %v", found, err)
				}
			})
		}
	}
}

// TestReconcileLooksFarEnough: behind many messages, and not for ever.
func TestReconcileLooksFarEnough(t *testing.T) {
	r := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.MaxMessages = 5000 })
	question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	reply := answer(inChannel(), "here")
	receipt, err := r.adapter.Send(t.Context(), reply)
	if err != nil {
		t.Fatal(err)
	}
	chatter := func(n int) {
		for range n {
			r.speak(simulator.Utterance{Channel: place, User: ben, Text: "chatter"})
		}
	}
	chatter(450)
	if found, ok, err := r.adapter.Reconcile(t.Context(), reply); err != nil || !ok || found.Message != receipt.Message {
		t.Errorf("found %+v, %v, %v", found, ok, err)
	}
	chatter(2000)
	if _, ok, err := r.adapter.Reconcile(t.Context(), answer(inChannel(), "elsewhere")); ok || fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a look-up that came to no end: %v, %v", ok, err)
	}
	other := answer(inChannel(), "elsewhere")
	other.InReplyTo = core.MessageID(question.TS)
	if _, ok, err := r.adapter.Reconcile(t.Context(), other); ok || err != nil {
		t.Errorf("in an empty thread: %v, %v", ok, err)
	}
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultTooManyRequests, Method: "conversations.history", RetryAfter: 9})
	if _, _, err := r.adapter.Reconcile(t.Context(), reply); fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) != 9*time.Second {
		t.Errorf("rate limit: %v", err)
	}
}

// TestEditKeepsDraftAndFinalApart: the final that replaces a draft carries the metadata
// that the draft had not.
func TestEditKeepsDraftAndFinalApart(t *testing.T) {
	r := start(t, slack.ModeEvents)
	draft := answer(inChannel(), "grow")
	draft.Final = false
	receipt, err := r.adapter.Send(t.Context(), draft)
	if err != nil {
		t.Fatal(err)
	}
	if p := r.byBot(place)[0]; p.Metadata != nil {
		t.Errorf("the draft carries %+v", p.Metadata)
	}
	final := answer(inChannel(), "grown **up**")
	for range 2 {
		if _, err := r.adapter.Edit(t.Context(), receipt.Message, final); err != nil {
			t.Fatal(err)
		}
	}
	p := r.byBot(place)[0]
	if p.Metadata == nil || p.Metadata.EventPayload["reply"] != string(final.ID) || p.Text != "grown *up*" {
		t.Errorf("the final is %+v", p)
	}
}

func TestTyping(t *testing.T) {
	r := start(t, slack.ModeEvents)
	question := r.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	for _, to := range []core.Conversation{inThread(question.TS), inChannel(), r.Chat(1)} {
		if err := r.adapter.Typing(t.Context(), to); err != nil {
			t.Errorf("typing in %+v: %v", to, err)
		}
	}
	if n := len(r.sim.CallsOf("assistant.threads.setStatus")); n != 1 || r.sim.Status(place, question.TS) == "" {
		t.Errorf("%d calls, status %q", n, r.sim.Status(place, question.TS))
	}
	lacking := start(t, slack.ModeEvents, func(o *simulator.Options, _ *slack.Config) { o.App.Lacking = []string{"assistant:write"} })
	question = lacking.speak(simulator.Utterance{Channel: place, User: ann, Text: "hi"})
	for range 3 {
		if err := lacking.adapter.Typing(t.Context(), inThread(question.TS)); err != nil {
			t.Errorf("without the scope: %v", err)
		}
	}
	if n := len(lacking.sim.CallsOf("assistant.threads.setStatus")); n != 1 {
		t.Errorf("%d calls of a method the app may not use", n)
	}
}
