package e2e

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/hubtest"
)

// TestPlayground starts the hub without any configuration and talks to it as
// somebody does who only has a browser, and one without scripts at that.
func TestPlayground(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t, "")
	w := &world{t: t, hub: h}
	h.Start()
	h.WaitReady()
	page := func() string {
		status, body, err := h.Get("/")
		if err != nil || status != http.StatusOK {
			t.Fatalf("the page: %d, %v", status, err)
		}
		return html.UnescapeString(body)
	}
	say := func(chat, as, text string) int {
		form := url.Values{"chat": {chat}, "as": {as}, "text": {text}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.Address+"/say", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := say("ada", "1001", "/whoami"); status != http.StatusSeeOther {
		t.Errorf("say: %d", status)
	}
	w.eventually("Ada is answered", func() bool { return strings.Contains(page(), "Name: Ada (@ada)") })
	if status := say("group", "1002", "@parley_bot /status"); status != http.StatusSeeOther {
		t.Errorf("say: %d", status)
	}
	w.eventually("Ben is answered in the group", func() bool { return strings.Contains(page(), "I am up. Version dev") })
	if status := say("ada", "1002", "I am Ada"); status != http.StatusUnprocessableEntity {
		t.Errorf("Ben speaks in Ada's private chat: %d", status)
	}
	if code := h.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range h.Lines() {
		if strings.Contains(line, "playground-token") {
			t.Errorf("a token in the log: %s", line)
		}
	}
}
