package telegram_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/simulators/telegram"
)

// target is a webhook that answers by a script and remembers what came.
type target struct {
	mu     sync.Mutex
	seen   []update
	secret []string
	answer func(u update, try int, w http.ResponseWriter)
	tries  map[int64]int
	srv    *httptest.Server
}

func hookTarget(t *testing.T, answer func(update, int, http.ResponseWriter)) *target {
	t.Helper()
	h := &target{answer: answer, tries: map[int64]int{}}
	h.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var u update
		body, err := io.ReadAll(req.Body)
		if err != nil || json.Unmarshal(body, &u) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		h.seen = append(h.seen, u)
		h.secret = append(h.secret, req.Header.Get("X-Telegram-Bot-Api-Secret-Token"))
		h.tries[u.ID]++
		try := h.tries[u.ID]
		h.mu.Unlock()
		if h.answer != nil {
			h.answer(u, try, w)
		}
	}))
	t.Cleanup(h.srv.Close)
	return h
}

func (h *target) texts() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, u := range h.seen {
		if u.Message != nil {
			out = append(out, u.Message.Text)
		}
	}
	return out
}

func TestWebhookDelivers(t *testing.T) {
	h := hookTarget(t, nil)
	r := start(t, telegram.Options{})
	r.say("waited")
	out := r.call("setWebhook", args{
		"url": h.srv.URL, "secret_token": "Se-cret_1", "max_connections": 7, "allowed_updates": []string{"message"},
	})
	if !out.OK || out.Description != "Webhook was set" {
		t.Fatalf("got %s", out.Body)
	}
	for i := range 20 {
		r.say(fmt.Sprint(i))
	}
	r.eventually("all deliveries", func() bool { return r.Pending(0) == 0 })
	got := h.texts()
	if len(got) != 21 || got[0] != "waited" || !slices.IsSortedFunc(got[1:11], strings.Compare) || got[20] != "19" {
		t.Fatalf("got %v", got)
	}
	if slices.ContainsFunc(h.secret, func(s string) bool { return s != "Se-cret_1" }) {
		t.Fatalf("secrets %v", h.secret)
	}
	info := ok[map[string]any](r, "getWebhookInfo", nil)
	if info["url"] != h.srv.URL || info["max_connections"] != 7.0 || info["pending_update_count"] != 0.0 {
		t.Fatalf("info %v", info)
	}
	if out := r.call("setWebhook", args{"url": h.srv.URL, "secret_token": "Se-cret_1", "max_connections": 7}); out.Description != "Webhook is already set" {
		t.Fatalf("got %s", out.Body)
	}
	if n, err := r.Redeliver(0, 1); n != 1 || err != nil {
		t.Fatalf("redeliver: %d %v", n, err)
	}
	r.eventually("the redelivery", func() bool { return len(h.texts()) == 22 })
	if out := r.call("deleteWebhook", nil); out.Description != "Webhook was deleted" {
		t.Fatalf("got %s", out.Body)
	}
	if out := r.call("deleteWebhook", nil); out.Description != "Webhook is already deleted" {
		t.Fatalf("got %s", out.Body)
	}
}

func TestWebhookRefusals(t *testing.T) {
	r := start(t, telegram.Options{RequireHTTPS: true})
	tests := []struct {
		name string
		args args
		text string
	}{
		{"secret characters", args{"url": "https://x.org/", "secret_token": "a b"}, "secret token contains unallowed characters"},
		{"secret length", args{"url": "https://x.org/", "secret_token": strings.Repeat("a", 257)}, "secret token is too long"},
		{"no url", args{"url": "nonsense"}, "invalid webhook URL specified"},
		{"no https", args{"url": "http://x.org/"}, "bad webhook: An HTTPS URL must be provided for webhook"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.refused("setWebhook", tt.args, http.StatusBadRequest, "Bad Request: "+tt.text)
		})
	}
}

func TestWebhookDropsPending(t *testing.T) {
	h := hookTarget(t, nil)
	r := start(t, telegram.Options{})
	r.say("dropped")
	ok[bool](r, "setWebhook", args{"url": h.srv.URL, "drop_pending_updates": true})
	r.say("kept")
	r.eventually("the delivery", func() bool { return r.Pending(0) == 0 })
	if got := h.texts(); !slices.Equal(got, []string{"kept"}) {
		t.Fatalf("got %v", got)
	}
}

// One chat's failing update holds up that chat only, and keeps its order.
func TestWebhookOrderPerChat(t *testing.T) {
	release := make(chan struct{})
	h := hookTarget(t, func(u update, try int, w http.ResponseWriter) {
		if u.Message.From.ID == ann && u.Message.Text == "1" && try < 4 {
			<-release
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r := start(t, telegram.Options{WebhookRetryBase: time.Millisecond})
	ok[bool](r, "setWebhook", args{"url": h.srv.URL})
	r.say("1")
	r.say("2")
	_, err := r.Say(bob, "b")
	r.must(err)
	r.eventually("the other chat", func() bool { return slices.Contains(h.texts(), "b") })
	close(release)
	r.eventually("all deliveries", func() bool { return r.Pending(0) == 0 })
	var anns []string
	for _, text := range h.texts() {
		if text != "b" {
			anns = append(anns, text)
		}
	}
	if !slices.Equal(anns, []string{"1", "1", "1", "1", "2"}) {
		t.Fatalf("got %v", anns)
	}
	info := ok[map[string]any](r, "getWebhookInfo", nil)
	if info["last_error_message"] != "Wrong response from the webhook: 500 Internal Server Error" {
		t.Fatalf("info %v", info)
	}
}

// carrier answers deliveries without a network.
type carrier func(*http.Request) *http.Response

func (c carrier) RoundTrip(req *http.Request) (*http.Response, error) { return c(req), nil }

func TestWebhookPauses(t *testing.T) {
	tests := []struct {
		name  string
		after string // the Retry-After of each failure
		base  time.Duration
		want  []time.Duration // before each retry
	}{
		{"at once, then doubling", "", time.Second, []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second}},
		{"a minute at most", "", 50 * time.Second, []time.Duration{0, 50 * time.Second, time.Minute, time.Minute}},
		{"Retry-After is honoured", "90", time.Second, []time.Duration{90 * time.Second, 90 * time.Second}},
		{"up to an hour", "999999", time.Second, []time.Duration{time.Hour}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				s := telegram.New(telegram.Options{WebhookRetryBase: tt.base, WebhookTransport: carrier(func(req *http.Request) *http.Response {
					at = append(at, time.Now())
					resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: req}
					if len(at) <= len(tt.want) {
						resp.StatusCode = http.StatusTooManyRequests
						resp.Header.Set("Retry-After", tt.after)
					}
					return resp
				})})
				defer s.Close()
				s.AddBot(token, botID, "b", "B")
				s.AddUser(telegram.User{ID: ann, FirstName: "Ann"})
				if w := fake(s, "/bot"+token+"/setWebhook?url=http://hook.test/"); w.status != http.StatusOK {
					t.Fatalf("%s", w.body)
				}
				if _, err := s.Say(ann, "x"); err != nil {
					t.Fatal(err)
				}
				if err := s.Wait(t.Context(), func() bool { return s.Pending(0) == 0 }); err != nil {
					t.Fatal(err)
				}
				var got []time.Duration
				for i := 1; i < len(at); i++ {
					got = append(got, at[i].Sub(at[i-1]))
				}
				if !slices.Equal(got, tt.want) {
					t.Fatalf("got %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestWebhookReplyIsExecuted(t *testing.T) {
	h := hookTarget(t, func(u update, _ int, w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		method := "sendMessage"
		if u.Message.Text == "forbidden" {
			method = "deleteWebhook"
		}
		_, _ = fmt.Fprintf(w, `{"method":%q,"chat_id":%d,"text":"echo %s"}`, method, u.Message.Chat.ID, u.Message.Text)
	})
	r := start(t, telegram.Options{})
	ok[bool](r, "setWebhook", args{"url": h.srv.URL})
	r.say("forbidden")
	r.say("hi")
	r.eventually("the reply", func() bool {
		shown := r.Shown(0, ann)
		return len(shown) == 3 && shown[2].Text == "echo hi"
	})
	if info := ok[map[string]any](r, "getWebhookInfo", nil); info["url"] != h.srv.URL {
		t.Fatalf("info %v", info)
	}
}

func TestSetWebhookOncePerSecond(t *testing.T) {
	r := start(t, telegram.Options{Limits: telegram.Limits{SetWebhook: true}})
	ok[bool](r, "setWebhook", args{"url": "http://127.0.0.1:9/a"})
	out := r.refused("setWebhook", args{"url": "http://127.0.0.1:9/b"}, http.StatusTooManyRequests, "Too Many Requests: retry after 1")
	if out.Header.Get("Retry-After") != "1" || out.Parameters.RetryAfter != 1 {
		t.Fatalf("got %v %s", out.Header, out.Body)
	}
	r.clock.Add(time.Second)
	ok[bool](r, "setWebhook", args{"url": "http://127.0.0.1:9/b"})
}
