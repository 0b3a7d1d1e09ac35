package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/internal/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// hub is a server that runs for a test.
type hub struct {
	addr string
	log  *logtest.Log
	stop context.CancelFunc
	done chan error
}

// start runs a server until the test ends or stop is called.
func start(t *testing.T, o httpserver.Options) *hub {
	t.Helper()
	h := &hub{log: &logtest.Log{}, done: make(chan error, 1)}
	o.Log = zerolog.New(h.log)
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s := httpserver.New(o)
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.addr = addr.String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h.stop = cancel
	go func() { h.done <- s.Run(ctx); close(h.done) }()
	t.Cleanup(func() {
		cancel()
		if err := h.wait(t); err != nil {
			t.Error(err)
		}
	})
	return h
}

// wait gives what Run returned, nil when it was asked before.
func (h *hub) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-h.done:
		return err
	case <-time.After(patience):
		t.Fatal("the server did not stop")
		return nil
	}
}

// do sends a request on a connection of its own.
func (h *hub) do(t *testing.T, method, path string, body io.Reader, set func(*http.Request)) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+h.addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if set != nil {
		set(r)
	}
	client := http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func answer(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %d", text, len(body))
	})
}

func TestRoutes(t *testing.T) {
	h := start(t, httpserver.Options{
		Metrics: answer("metrics"), Console: answer("console"),
		Webhooks: map[string]http.Handler{"support": answer("support"), "sales-2": answer("sales")},
	})
	for _, c := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, `{"ready":true,"problems":[]}` + "\n"},
		{"GET", "/readyz/calls", 200, `{"ready":true,"problems":[]}` + "\n"},
		{"GET", "/metrics", 200, "metrics 0"},
		{"GET", "/", 200, "console 0"},
		{"POST", "/say?x=1", 200, "console 0"},
		{"GET", "/deep/er", 200, "console 0"},
		{"POST", "/webhooks/support", 200, "support 0"},
		{"GET", "/webhooks/support?hub.challenge=7", 200, "support 0"},
		{"POST", "/webhooks/sales-2", 200, "sales 0"},
		{"POST", "/webhooks/nobody", 404, "Not Found\n"},
		{"POST", "/webhooks/", 404, "Not Found\n"},
		{"POST", "/webhooks", 404, "Not Found\n"},
		{"GET", "/v1/models", 404, "404 page not found\n"},
		{"GET", "/v1", 404, "Not Found\n"},
		{"POST", "/webhooks/support/more", 404, "Not Found\n"},
		{"POST", "/webhooks/..%2Fsupport", 404, "Not Found\n"},
		{"POST", "/healthz", 405, "Method Not Allowed\n"},
	} {
		resp, body := h.do(t, c.method, c.path, nil, nil)
		if resp.StatusCode != c.code || body != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, resp.StatusCode, body, c.code, c.body)
		}
	}
}

func TestReady(t *testing.T) {
	h := start(t, httpserver.Options{Ready: func(ctx context.Context) []httpserver.Problem {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the question has no time limit")
		}
		return []httpserver.Problem{{Name: "queue", Text: `disk "full"`}}
	}, Calls: func(context.Context) []httpserver.Problem {
		return []httpserver.Problem{{Name: "queue", Text: "full"}}
	}})
	if resp, body := h.do(t, "GET", "/readyz/calls", nil, nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"text":"full"`) {
		t.Errorf("calls: %d %s", resp.StatusCode, body)
	}
	resp, body := h.do(t, "GET", "/readyz", nil, nil)
	var got struct {
		Ready    bool
		Problems []httpserver.Problem
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || got.Ready || len(got.Problems) != 1 || got.Problems[0].Text != `disk "full"` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := h.do(t, "GET", "/healthz", nil, nil); resp.StatusCode != http.StatusOK {
		t.Error("a hub that is not ready is not dead")
	}
}

func TestListen(t *testing.T) {
	h := start(t, httpserver.Options{})
	for name, address := range map[string]string{"in use": h.addr, "nonsense": "127.0.0.1:99999"} {
		_, err := httpserver.New(httpserver.Options{Listen: address}).Listen(t.Context())
		if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", name, err)
		}
		if err := httpserver.New(httpserver.Options{Listen: address}).Run(t.Context()); fault.ClassOf(err) != fault.NeedsHuman {
			t.Errorf("%s: Run gave %v", name, err)
		}
	}
	if _, err := httpserver.New(httpserver.Options{Listen: h.addr}).Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("no advice: %v", err)
	}
}

func TestBodyLimit(t *testing.T) {
	h := start(t, httpserver.Options{
		MaxBody: 1000, Console: answer("console"), Metrics: answer("metrics"),
		Webhooks: map[string]http.Handler{"support": answer("support")},
	})
	for _, path := range []string{"/webhooks/support", "/say"} {
		for _, c := range []struct {
			size    int
			chunked bool
			code    int
		}{{1000, false, 200}, {1001, false, 413}, {1000, true, 200}, {1001, true, 413}, {300_000, true, 413}} {
			var body io.Reader = bytes.NewReader(make([]byte, c.size))
			if c.chunked {
				body = io.MultiReader(body) // hides the length
			}
			resp, text := h.do(t, "POST", path, body, nil)
			if resp.StatusCode != c.code || c.code == 200 && !strings.HasSuffix(text, " 1000") {
				t.Errorf("%s, %d bytes, chunked %t: %d %q", path, c.size, c.chunked, resp.StatusCode, text)
			}
		}
	}
}

// TestAPIBoundsItself gets what is larger than others may send.
func TestAPIBoundsItself(t *testing.T) {
	h := start(t, httpserver.Options{MaxBody: 1000, API: answer("api"), MCP: answer("mcp")})
	for path, want := range map[string]string{"/v1/chat/completions": "api 5000", "/mcp": "mcp 5000"} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(make([]byte, 5000))
			if chunked {
				body = io.MultiReader(body) // hides the length
			}
			if resp, text := h.do(t, "POST", path, body, nil); resp.StatusCode != http.StatusOK || text != want {
				t.Errorf("%s, chunked %t: %d %q", path, chunked, resp.StatusCode, text)
			}
		}
	}
	none := start(t, httpserver.Options{Console: answer("console")})
	if resp, _ := none.do(t, "POST", "/mcp", nil, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("without one: %d", resp.StatusCode)
	}
}

// TestHugeBodyIsNotRead announces 100 MB, sends none of it, and is refused all the same.
func TestHugeBodyIsNotRead(t *testing.T) {
	h := start(t, httpserver.Options{Webhooks: map[string]http.Handler{"support": answer("support")}})
	for _, path := range []string{"/webhooks/support", "/webhooks/nobody", "/healthz"} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%s: %d, close %t", path, resp.StatusCode, resp.Close)
		}
		_ = conn.Close()
	}
}

func TestPanic(t *testing.T) {
	h := start(t, httpserver.Options{Webhooks: map[string]http.Handler{
		"support": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("inside") }),
	}})
	resp, body := h.do(t, "POST", "/webhooks/support", nil, nil)
	_, ref, _ := strings.Cut(strings.TrimSpace(body), "reference ")
	if resp.StatusCode != http.StatusInternalServerError || ref == "" || strings.Contains(body, "inside") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if log := h.log.String(); !strings.Contains(log, `"ref":"`+ref+`"`) || !strings.Contains(log, "inside") {
		t.Errorf("the log does not know reference %s", ref)
	}
	if resp, _ := h.do(t, "GET", "/healthz", nil, nil); resp.StatusCode != http.StatusOK {
		t.Error("the server did not go on")
	}
}

func TestAccessLog(t *testing.T) {
	h := start(t, httpserver.Options{Console: answer("console"), Webhooks: map[string]http.Handler{"support": answer("support")}})
	h.do(t, "POST", "/webhooks/support?token=s3cret", nil, nil)
	h.do(t, "POST", "/webhooks/s3cret", nil, nil)
	h.do(t, "GET", "/s3cret?as=s3cret", nil, nil)
	h.stop()
	if err := h.wait(t); err != nil {
		t.Fatal(err)
	}
	log := h.log.String()
	if strings.Contains(log, "s3cret") {
		t.Errorf("the log tells what was asked: %s", log)
	}
	if !strings.Contains(log, `"level":"debug","method":"POST","route":"/webhooks/:account","status":200`) || !strings.Contains(log, `"account":"support"`) {
		t.Errorf("the log lacks the request: %s", log)
	}
}
