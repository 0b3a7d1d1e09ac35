package slack_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/slack"
)

func TestTokens(t *testing.T) {
	r := start(t, slack.Options{App: slack.App{Lacking: []string{"users:read"}}})
	for _, tc := range []struct{ token, method, want string }{
		{"", "auth.test", "not_authed"},
		{"xoxb-wrong", "auth.test", "invalid_auth"},
		{appToken, "auth.test", "not_allowed_token_type"},
		{botToken, "apps.connections.open", "not_allowed_token_type"},
		{botToken, "users.info", "missing_scope"},
		{botToken, "no.such.method", "unknown_method"},
		{botToken, "auth.test", ""},
		{botToken, "views.open", ""},
	} {
		out, err := r.try(t.Context(), tc.token, tc.method)
		if err != nil || out.Error != tc.want {
			t.Errorf("%s with %q: %q, want %q (%v)", tc.method, tc.token, out.Error, tc.want, err)
		}
	}
	if out := r.call("auth.test?token=" + botToken); !out.OK {
		t.Errorf("with a token in the address too: %s", out.Error)
	}
	if out, err := r.try(t.Context(), "", "auth.test?token="+botToken); err != nil || out.Error != "not_authed" {
		t.Errorf("with a token in the address only: %q, %v", out.Error, err)
	}
}

func TestPostMessageIsStrict(t *testing.T) {
	r := start(t, slack.Options{})
	r.AddChannel("C0OLD", "old", ann, self)
	r.must(r.Archive("C0OLD"))
	for name, tc := range map[string]struct {
		params []string
		want   string
	}{
		"no channel":     {[]string{"text", "x"}, "channel_not_found"},
		"another one":    {[]string{"channel", "C404", "text", "x"}, "channel_not_found"},
		"not in it":      {[]string{"channel", "C0EMPTY", "text", "x"}, "not_in_channel"},
		"archived":       {[]string{"channel", "C0OLD", "text", "x"}, "is_archived"},
		"no text":        {[]string{"channel", general, "text", " "}, "no_text"},
		"too long":       {[]string{"channel", general, "text", strings.Repeat("x", 40001)}, "msg_too_long"},
		"no such thread": {[]string{"channel", general, "text", "x", "thread_ts", "1.1"}, "thread_not_found"},
		"no blocks":      {[]string{"channel", general, "text", "x", "blocks", "{"}, "invalid_blocks_format"},
		"long section":   {[]string{"channel", general, "text", "x", "blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", 3001) + `"}}]`}, "invalid_blocks"},
		"long label":     {[]string{"channel", general, "text", "x", "blocks", `[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"` + strings.Repeat("x", 76) + `"}}]}]`}, "invalid_blocks"},
		"odd metadata":   {[]string{"channel", general, "text", "x", "metadata", `{"event_type":""}`}, "invalid_metadata_format"},
		"to a person":    {[]string{"channel", ann, "text", "x"}, ""},
	} {
		if out := r.call("chat.postMessage", tc.params...); out.Error != tc.want {
			t.Errorf("%s: %q, want %q", name, out.Error, tc.want)
		}
	}
}

func TestHistoryAndThreads(t *testing.T) {
	r := start(t, slack.Options{})
	root := r.say("root")
	var thread []string
	for range 5 {
		thread = append(thread, r.post("reply", "thread_ts", root.TS, "metadata", `{"event_type":"x","event_payload":{}}`).TS)
	}
	r.say("later")
	if out := r.call("conversations.history", "channel", general); len(out.Messages) != 2 || out.Messages[0].Text != "later" || out.Messages[1].ReplyCount != 5 {
		t.Errorf("history %+v", out.Messages)
	}
	var got []string
	for cursor := ""; ; {
		out := r.call("conversations.replies", "channel", general, "ts", root.TS, "limit", "2", "cursor", cursor, "include_all_metadata", "true")
		for _, m := range out.Messages {
			if m.TS != root.TS {
				got = append(got, m.TS)
				if m.Metadata == nil {
					t.Error("no metadata, though asked for")
				}
			}
		}
		if cursor = out.Meta.Cursor; !out.More {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(thread, " ") {
		t.Errorf("replies %v, want %v", got, thread)
	}
	if out := r.call("conversations.replies", "channel", general, "ts", root.TS, "oldest", thread[3]); len(out.Messages) != 2 {
		t.Errorf("%d messages behind the fourth, want the parent and the fifth", len(out.Messages))
	}
}

func TestFaults(t *testing.T) {
	r := start(t, slack.Options{})
	count := func() int { return len(r.Shown(general)) }
	for _, tc := range []struct {
		fault  slack.Fault
		status int
		code   string
		broken bool
		stored int
	}{
		{slack.Fault{Kind: slack.FaultTooManyRequests, RetryAfter: 7}, 429, "ratelimited", false, 0},
		{slack.Fault{Kind: slack.FaultServerError}, 503, "", false, 0},
		{slack.Fault{Kind: slack.FaultServerErrorAfter}, 500, "", false, 1},
		{slack.Fault{Kind: slack.FaultError, Error: "fatal_error"}, 200, "fatal_error", false, 0},
		{slack.Fault{Kind: slack.FaultDropBefore}, 0, "", true, 0},
		{slack.Fault{Kind: slack.FaultDropAfter}, 0, "", true, 1},
		{slack.Fault{Kind: slack.FaultDelay, Delay: time.Millisecond}, 200, "", false, 1},
	} {
		before := count()
		tc.fault.Method = "chat.postMessage"
		h := r.Inject(tc.fault)
		out, err := r.try(t.Context(), botToken, "chat.postMessage", "channel", general, "text", "x")
		if (err != nil) != tc.broken || out.Status != tc.status || out.Error != tc.code || count()-before != tc.stored || h.Hits() != 1 {
			t.Errorf("%s: status %d, %q, %v; %d stored", tc.fault.Kind, out.Status, out.Error, err, count()-before)
		}
		if tc.status == 429 && out.Header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", out.Header.Get("Retry-After"))
		}
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := start(t, slack.Options{PerChannel: 1, Burst: 2, Now: func() time.Time { return now }})
	for i, want := range []string{"", "", "ratelimited"} {
		if out := r.call("chat.postMessage", "channel", general, "text", "x"); out.Error != want {
			t.Errorf("call %d: %q, want %q", i+1, out.Error, want)
		}
	}
	if out := r.call("chat.postMessage", "channel", ann, "text", "x"); !out.OK {
		t.Errorf("another channel: %s", out.Error)
	}
}

// TestDeliveryIsSignedAndRepeated: with the headers of the public platform, by its
// schedule's number of tries.
func TestDeliveryIsSignedAndRepeated(t *testing.T) {
	r := start(t, slack.Options{RetryDelays: []time.Duration{0, time.Millisecond, time.Millisecond}})
	a := r.app(func(int) int { return http.StatusInternalServerError })
	r.say("hello")
	r.eventually("it is given up", func() bool { return r.Stats().Dropped == 1 })
	calls := a.got()
	if len(calls) != 4 {
		t.Fatalf("%d tries, want 4", len(calls))
	}
	for i, c := range calls {
		mac := hmac.New(sha256.New, []byte(signing))
		mac.Write([]byte("v0:" + c.header.Get("X-Slack-Request-Timestamp") + ":" + string(c.body)))
		if want := "v0=" + hex.EncodeToString(mac.Sum(nil)); c.header.Get("X-Slack-Signature") != want {
			t.Errorf("try %d is signed %q", i, c.header.Get("X-Slack-Signature"))
		}
		number, reason := c.header.Get("X-Slack-Retry-Num"), c.header.Get("X-Slack-Retry-Reason")
		if i == 0 && number+reason != "" || i > 0 && (number != string(rune('0'+i)) || reason != "http_error") {
			t.Errorf("try %d: number %q, reason %q", i, number, reason)
		}
		if c.id != calls[0].id || c.text != "hello" {
			t.Errorf("try %d is another event: %+v", i, c)
		}
	}
}

func TestNoRetryHeaderIsObeyed(t *testing.T) {
	r := start(t, slack.Options{})
	done := make(chan struct{}, 10)
	hook := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		done <- struct{}{}
		w.Header().Set("X-Slack-No-Retry", "1")
		w.WriteHeader(http.StatusInternalServerError)
	})
	r.SetRequestURL(serve(t, hook))
	r.say("hello")
	r.eventually("it is given up", func() bool { return r.Stats().Dropped == 1 })
	if len(done) != 1 {
		t.Errorf("%d tries", len(done))
	}
}

func TestMentionsComeTwice(t *testing.T) {
	r := start(t, slack.Options{})
	a := r.app(fine)
	_, err := r.Speak(slack.Utterance{Channel: general, User: ann, Text: "<@" + self + "> hi"})
	r.must(err)
	r.eventually("all came", func() bool { return r.Stats().Delivered == 2 })
	if calls := a.got(); calls[0].kind != "message" || calls[1].kind != "app_mention" || calls[0].text != calls[1].text {
		t.Errorf("calls %+v", calls)
	}
}

func TestDuplicateReorderAndLostAck(t *testing.T) {
	r := start(t, slack.Options{RetryDelays: []time.Duration{0}, RetryForever: true})
	a := r.app(fine)
	r.Inject(slack.Fault{Kind: slack.FaultReorder})
	r.say("one")
	r.say("two")
	r.eventually("both came", func() bool { return r.Stats().Delivered == 2 })
	r.Inject(slack.Fault{Kind: slack.FaultDuplicate})
	r.say("three")
	r.eventually("the third came", func() bool { return r.Stats().Delivered == 3 })
	r.Inject(slack.Fault{Kind: slack.FaultLoseAck})
	r.say("four")
	r.eventually("all came", func() bool { return r.Stats().Delivered == 4 && r.Stats().Waiting == 0 })
	var texts []string
	for _, c := range a.got() {
		texts = append(texts, c.text)
	}
	if got := strings.Join(texts, " "); got != "two one three three four four" {
		t.Errorf("came %s", got)
	}
}

func TestSocketMode(t *testing.T) {
	r := start(t, slack.Options{RetryDelays: []time.Duration{0}, RetryForever: true})
	r.say("before anybody listens")
	conn := r.dial()
	first := r.frame(conn)
	r.must(conn.Close())
	conn = r.dial()
	again := r.frame(conn)
	if read(nil, first.Payload).id != read(nil, again.Payload).id || first.ID == again.ID || again.Attempt < 1 {
		t.Errorf("not repeated after the connection broke: %+v, %+v", first, again)
	}
	r.ack(conn, again.ID)
	r.eventually("it is acknowledged", func() bool { return r.Stats().Delivered == 1 })
	r.Disconnect("warning")
	if f := r.frame(conn); f.Type != "disconnect" || f.Reason != "warning" {
		t.Errorf("frame %+v", f)
	}
	r.must(r.Slash(general, ann, "/x", "y"))
	f := r.frame(conn)
	if f.Type != "slash_commands" || !strings.Contains(string(f.Payload), `"command":"/x"`) {
		t.Errorf("frame %+v", f)
	}
	r.ack(conn, f.ID)
	r.Storm(1)
	if f := r.frame(r.dial()); f.Type != "disconnect" || f.Reason != "refresh_requested" {
		t.Errorf("frame in a storm %+v", f)
	}
}

func TestTicketsAreUsedOnce(t *testing.T) {
	r := start(t, slack.Options{})
	opened, err := r.try(t.Context(), appToken, "apps.connections.open")
	r.must(err)
	address := "http" + strings.TrimPrefix(opened.URL, "ws")
	for i, want := range []int{http.StatusBadRequest, http.StatusUnauthorized} { // no upgrade is asked for
		resp, err := r.http.Get(address)
		r.must(err)
		r.must(resp.Body.Close())
		if resp.StatusCode != want {
			t.Errorf("use %d: %d, want %d", i+1, resp.StatusCode, want)
		}
	}
}

func TestObserving(t *testing.T) {
	r := start(t, slack.Options{MaxMessages: 3, MaxCalls: 3, MaxEvents: 3})
	sub := r.Subscribe(1)
	for range 5 {
		r.post("x")
	}
	if len(r.Shown(general)) != 3 || len(r.Calls()) != 3 || len(r.Events(0)) != 3 {
		t.Errorf("%d messages, %d calls, %d events kept of 3 each", len(r.Shown(general)), len(r.Calls()), len(r.Events(0)))
	}
	if e := <-sub.C; e.Kind != slack.EventMessage || e.Message.Text != "x" || sub.Lost() != 4 {
		t.Errorf("event %+v, %d lost", e, sub.Lost())
	}
	sub.Close()
	sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.Close()
	if err := r.Wait(t.Context(), func() bool { return false }); !errors.Is(err, slack.ErrClosed) {
		t.Error(err)
	}
}

func TestPeopleCannotDoTheImpossible(t *testing.T) {
	r := start(t, slack.Options{})
	p := r.say("hi")
	said := func(u slack.Utterance) error { _, err := r.Speak(u); return err }
	for i, tc := range []struct{ got, want error }{
		{said(slack.Utterance{Channel: "C404", User: ann}), slack.ErrNoChannel},
		{said(slack.Utterance{Channel: general, User: "U404"}), slack.ErrNoUser},
		{said(slack.Utterance{Channel: "C0EMPTY", User: ben}), slack.ErrNotMember},
		{said(slack.Utterance{Channel: general, User: ann, ThreadTS: "1.1"}), slack.ErrNoMessage},
		{r.EditSaid(general, "1.1", "x"), slack.ErrNoMessage},
		{r.EditSaid("C404", "1.1", "x"), slack.ErrNoChannel},
		{r.Delete(general, "1.1"), slack.ErrNoMessage},
		{r.Press(general, p.TS, ann, "x"), slack.ErrNoButton},
		{r.React(general, "1.1", ann, "x", false), slack.ErrNoMessage},
		{r.Slash("C404", ann, "/x", ""), slack.ErrNoChannel},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("case %d: %v, want %v", i, tc.got, tc.want)
		}
	}
}

// Two servers behind different numbers give no id twice.
func TestFirstID(t *testing.T) {
	ids := map[string]bool{}
	for _, first := range []int64{0, 1000} {
		r := start(t, slack.Options{FirstID: first})
		p, err := r.Speak(slack.Utterance{Channel: general, User: ann, Files: []slack.Upload{{Name: "a.png", MIME: "image/png", Bytes: []byte("x")}}})
		r.must(err)
		if id := p.Files[0].ID; ids[id] {
			t.Errorf("the file %s came before", id)
		}
		ids[p.Files[0].ID] = true
	}
}
