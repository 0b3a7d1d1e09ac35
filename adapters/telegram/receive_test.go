package telegram_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

func TestPollConfirmsWhatWasStored(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("getUpdates", batch(privateUpdate(10, 7, "a"), privateUpdate(11, 8, "b"), privateUpdate(12, 7, "c")), hang)
	in := newInbox()
	stop, _ := run(t, s.adapter(), in)
	second := s.await("getUpdates", 2)
	if second.form["offset"] != "13" {
		t.Errorf("offset %q, want 13", second.form["offset"])
	}
	if first := s.await("getUpdates", 1); first.form["offset"] != "" || !strings.Contains(first.form["allowed_updates"], "callback_query") {
		t.Errorf("first poll %v", first.form)
	}
	if err := stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got := in.texts(); len(got) != 3 || slices.Index(got, "a") > slices.Index(got, "c") {
		t.Errorf("stored %q", got)
	}
	if len(s.of("deleteWebhook")) != 0 {
		t.Error("deleted a webhook that is not set")
	}
}

func TestPollStopsConfirmingAtTheFirstRefusal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("getUpdates", batch(privateUpdate(10, 7, "a"), privateUpdate(11, 8, "b"), privateUpdate(12, 8, "c"), privateUpdate(13, 7, "d")), batch())
	in := newInbox()
	in.refuse = func(e core.Envelope) error {
		if e.Text() == "b" {
			return fault.New(fault.Permanent, "accept", errors.New("full"))
		}
		return nil
	}
	err := s.adapter().Run(t.Context(), in)
	if fault.ClassOf(err) != fault.Retryable {
		t.Errorf("class %s, want retryable: %v", fault.ClassOf(err), err)
	}
	if confirm := s.await("getUpdates", 2); confirm.form["offset"] != "11" || confirm.form["timeout"] != "0" {
		t.Errorf("confirmed by %v, want offset 11", confirm.form)
	}
	if got := in.texts(); slices.Contains(got, "c") {
		t.Errorf("stored %q: c overtook b", got)
	}
}

func TestPollKeepsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("getUpdates", batch(`{"update_id":10,"message":{"message_id":"x"}}`, `7`, privateUpdate(12, 7, "a")), hang)
	in := newInbox()
	var refused []core.Event
	a := s.adapter(func(set *adapters.Settings, _ *telegram.Config) {
		set.Observer = core.ObserverFunc(func(e core.Event) { refused = append(refused, e) })
	})
	stop, _ := run(t, a, in)
	if second := s.await("getUpdates", 2); second.form["offset"] != "13" {
		t.Errorf("offset %q, want 13", second.form["offset"])
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	kinds := map[core.Kind]int{}
	for _, e := range in.got {
		kinds[e.Kind]++
	}
	if kinds[core.KindOther] != 2 || kinds[core.KindMessage] != 1 {
		t.Errorf("kinds %v", kinds)
	}
	if len(refused) != 2 || refused[0].Stage != core.StageRefused {
		t.Errorf("observed %v", refused)
	}
}

func TestPollRemovesAWebhook(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("getWebhookInfo", result(`{"url":"https://old.example"}`))
	s.on("deleteWebhook", result("true"))
	stop, _ := run(t, s.adapter(), newInbox())
	s.await("getUpdates", 1)
	if c := s.await("deleteWebhook", 1); c.form["drop_pending_updates"] != "false" {
		t.Errorf("deleteWebhook %v", c.form)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestRunFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method string
		answer http.HandlerFunc
		class  fault.Class
		says   string
	}{
		"second poller":   {"getUpdates", refuse(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"), fault.NeedsHuman, "another process"},
		"revoked token":   {"getMe", refuse(401, "Unauthorized"), fault.NeedsHuman, "account tg"},
		"mistyped token":  {"getMe", refuse(404, "Not Found"), fault.NeedsHuman, "BotFather"},
		"flood":           {"getUpdates", refuse(429, "Too Many Requests: retry after 7", `{"retry_after":7}`), fault.RateLimited, "retry after 7"},
		"bad gateway":     {"getUpdates", page(502), fault.Retryable, "502"},
		"internal error":  {"getUpdates", refuse(500, "Internal Server Error"), fault.Retryable, "Internal"},
		"lost connection": {"getUpdates", drop, fault.Retryable, "lost"},
		"no result":       {"getUpdates", result(`{"a":1}`), fault.Retryable, "shape"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(tc.method, tc.answer)
			err := s.adapter().Run(t.Context(), newInbox())
			if fault.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), token) {
				t.Errorf("class %s, want %s: %v", fault.ClassOf(err), tc.class, err)
			}
		})
	}
}

func TestPressesAreAcknowledged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("answerCallbackQuery", result("true"))
	s.on("getUpdates", batch(`{"update_id":1,"callback_query":{"id":"cb","from":{"id":7,"first_name":"A"},"data":"y","message":{"message_id":3,"date":1,"chat":{"id":7,"type":"private"}}}}`), hang)
	stop, _ := run(t, s.adapter(), newInbox())
	if c := s.await("answerCallbackQuery", 1); c.form["callback_query_id"] != "cb" {
		t.Errorf("acknowledged %v", c.form)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// hooked is an adapter in webhook mode.
func hooked(s *server, secretToken string) *telegram.Adapter {
	return s.adapter(func(set *adapters.Settings, c *telegram.Config) {
		set.PublicURL = "https://hub.example/webhooks/tg"
		c.Mode, c.WebhookSecret = telegram.ModeWebhook, secret.New(secretToken)
	})
}

func TestWebhookIsSetAndLeft(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("setWebhook", result("true"))
	s.on("getWebhookInfo", result(`{"url":"https://hub.example/webhooks/tg"}`))
	var secrets []string
	for range 2 { // a restart gives the same secret
		stop, _ := run(t, hooked(s, ""), newInbox())
		n := len(secrets) + 1
		c := s.await("setWebhook", n)
		s.await("getWebhookInfo", n)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if c.form["url"] != "https://hub.example/webhooks/tg" || c.form["max_connections"] != "40" || c.form["allowed_updates"] == "" {
			t.Errorf("setWebhook %v", c.form)
		}
		secrets = append(secrets, c.form["secret_token"])
	}
	if secrets[0] != secrets[1] || len(secrets[0]) < 32 || strings.Contains(secrets[0], ":") {
		t.Errorf("derived secrets %q", secrets)
	}
	if len(s.of("deleteWebhook")) != 0 {
		t.Error("the webhook was deleted")
	}
}

func TestWebhookOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.on("setWebhook", result("true"))
	s.on("getWebhookInfo", result(`{"url":"https://other.example"}`))
	if err := hooked(s, "").Run(t.Context(), newInbox()); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
	s.on("setWebhook", refuse(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"))
	if err := hooked(s, "").Run(t.Context(), newInbox()); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
}

func TestWebhookHandler(t *testing.T) {
	t.Parallel()
	good := privateUpdate(1, 7, "hi")
	for name, tc := range map[string]struct {
		method, secret, body string
		status, stored       int
	}{
		"good":            {http.MethodPost, "sesame", good, 200, 1},
		"no secret":       {http.MethodPost, "", good, 401, 0},
		"wrong secret":    {http.MethodPost, "sesamE", good, 401, 0},
		"wrong and a get": {http.MethodGet, "x", good, 401, 0},
		"get":             {http.MethodGet, "sesame", good, 405, 0},
		"too long":        {http.MethodPost, "sesame", strings.Repeat(" ", 4<<20) + good, 413, 0},
		"not json":        {http.MethodPost, "sesame", `{"update_id":`, 400, 0},
		"unknown shape":   {http.MethodPost, "sesame", `{"update_id":1,"message":7}`, 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInbox()
			h := hooked(newServer(t), "sesame").Webhook(in)
			req := httptest.NewRequest(tc.method, "/webhooks/tg", bytes.NewReader([]byte(tc.body)))
			req.Header.Set("X-Telegram-Bot-Api-Secret-Token", tc.secret)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			if rec.Code != tc.status || len(in.got) != tc.stored {
				t.Errorf("status %d, %d stored; want %d, %d", rec.Code, len(in.got), tc.status, tc.stored)
			}
		})
	}
}

func TestWebhookSaysLaterWhenNotStored(t *testing.T) {
	t.Parallel()
	in := newInbox()
	in.refuse = func(core.Envelope) error { return fault.New(fault.Retryable, "accept", errors.New("full")) }
	s := newServer(t)
	call := func() *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(privateUpdate(1, 7, "hi")))
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "sesame")
		rec := httptest.NewRecorder()
		hooked(s, "sesame").Webhook(in).ServeHTTP(rec, req)
		return rec
	}
	if rec := call(); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") != "1" {
		t.Errorf("inbox refused: status %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
	}
	in.refuse = nil
	s.on("getMe", page(502))
	if rec := call(); rec.Code != http.StatusServiceUnavailable || len(in.got) != 0 {
		t.Errorf("identity unknown: status %d, %d stored", rec.Code, len(in.got))
	}
}
