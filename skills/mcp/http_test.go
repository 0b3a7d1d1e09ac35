package mcp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills/mcp"
)

// serve listens until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// whole is a server made with the SDK over streamable HTTP, which can be made anew as one that forgot
// its sessions.
type whole struct {
	mu      sync.Mutex
	servers []*sdk.Server // of before too
	handler http.Handler
	options sdk.StreamableHTTPOptions
}

func newWhole(t *testing.T, o sdk.StreamableHTTPOptions) *whole {
	r := &whole{options: o}
	r.forget()
	t.Cleanup(r.forget)
	return r
}

func (r *whole) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, old := range r.servers {
		for s := range old.Sessions() {
			_ = s.Close()
		}
	}
	one := server()
	r.servers = append(r.servers, one)
	r.handler = sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return one }, &r.options)
}

func (r *whole) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "Bearer hunter2-hunter2" {
		http.Error(w, "no: "+req.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	h := r.handler
	r.mu.Unlock()
	h.ServeHTTP(w, req)
}

// at is a server at an address.
func at(url, authorization string) mcp.Server {
	return mcp.Server{Name: "t", URL: url, Headers: map[string]secret.String{"Authorization": secret.New(authorization)}}
}

func TestStreamableHTTP(t *testing.T) {
	for name, o := range map[string]sdk.StreamableHTTPOptions{"sessions": {}, "JSON": {JSONResponse: true}, "no sessions": {Stateless: true}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, quick(), at(serve(t, newWhole(t, o)), "Bearer hunter2-hunter2"))
			if diff := cmp.Diff(all, r.tools("t")); diff != "" {
				t.Fatal(diff)
			}
			parts, err := call(t, r.skill("t"), "t_echo", `{"text":"over HTTP"}`)
			if core.JoinText(parts) != "over HTTP" || err != nil {
				t.Errorf("%v, %v", parts, err)
			}
			if _, err := call(t, r.skill("t"), "t_ask", `{}`); fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
				t.Errorf("asked back: %v", err)
			}
			if _, err := call(t, r.skill("t"), "t_grow", ""); err != nil {
				t.Fatal(err)
			}
			r.wait("another echo", func() bool {
				s, _ := r.set.ByName("t")
				return len(s.Manifest().Tools) == len(all)-1
			})
		})
	}
}

// A server that was started anew knows no session: the call is made in a new one, once.
func TestLostSession(t *testing.T) {
	one := newWhole(t, sdk.StreamableHTTPOptions{})
	r := start(t, quick(), at(serve(t, one), "Bearer hunter2-hunter2"))
	for n := range 3 {
		if n > 0 {
			one.forget()
		}
		parts, err := call(t, r.skill("t"), "t_echo", `{"text":"again"}`)
		if core.JoinText(parts) != "again" || err != nil {
			t.Errorf("%v, %v", parts, err)
		}
	}
	r.saw("t connected", 3)
}

// A wrong key is told in the log, without it.
func TestWrongKey(t *testing.T) {
	r := start(t, quick(), at(serve(t, newWhole(t, sdk.StreamableHTTPOptions{})), "Bearer letmein-letmein"))
	r.saw("t failed", 2)
	if log := r.log.String(); strings.Contains(log, "letmein") || !strings.Contains(log, "Unauthorized") {
		t.Error(log)
	}
}

// hand answers one method as it likes and the others as a server does.
type hand struct {
	method string
	do     func(w http.ResponseWriter, r *http.Request, id json.RawMessage)
}

func (h hand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	if m.Method == h.method {
		h.do(w, r, m.ID)
		return
	}
	answers := map[string]string{"initialize": hello, "tools/list": one, "ping": "{}"}
	switch result, known := answers[m.Method]; {
	case len(m.ID) == 0:
		w.WriteHeader(http.StatusAccepted)
	case known:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}`, m.ID)
	}
}

func TestHostileHTTP(t *testing.T) {
	elsewhere := make(chan struct{}, 16)
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere <- struct{}{}
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	stream := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	}
	for _, c := range []struct {
		name string
		do   func(w http.ResponseWriter, r *http.Request, id json.RawMessage)
		want string
	}{
		{"redirects", func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			http.Redirect(w, r, other, http.StatusTemporaryRedirect)
		}, "broke off"},
		{"megabytes", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}`, id, strings.Repeat("x", 2<<20))
		}, "more than it may"},
		{"megabytes in a stream", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			stream(w)
			for range 1000 {
				if _, err := fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"x\":\"%s\"}}\n\n", strings.Repeat("x", 10_000)); err != nil {
					return
				}
			}
		}, "more than it may"},
		{"an event of megabytes", func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			stream(w)
			_, _ = fmt.Fprintf(w, "data: %s\n\n", strings.Repeat("x", 3<<20))
		}, "than it may"},
		{"ends", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) { stream(w) }, "broke off"},
		{"breaks", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			stream(w)
			panic(http.ErrAbortHandler)
		}, "broke off"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "}{")
		}, "broke off"},
		{"a page", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) { _, _ = io.WriteString(w, "<html>") }, "broke off"},
		{"503", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "broke off"},
		{"another's answer", func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":4711,"result":{"content":[]}}`)
		}, "did not answer"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) { <-r.Context().Done() }, "did not answer"},
		{"hangs in a stream", func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			stream(w)
			<-r.Context().Done()
		}, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := mcp.DefaultLimits
			limits.Message = 1 << 20
			times := quick()
			if strings.Contains(c.want, "answer") {
				times.Call = 300 * time.Millisecond
			}
			r := startWith(t, mcp.Options{Times: times, Limits: limits, Servers: []mcp.Server{at(serve(t, hand{"tools/call", c.do}), "Bearer hunter2-hunter2")}})
			r.has("t", "t_do")
			_, err := call(t, r.skill("t"), "t_do", "")
			if fault.ClassOf(err) != fault.Permanent || !fault.IsUnsure(err) || !strings.Contains(fault.Public(err), c.want) {
				t.Errorf("%v, %q", err, fault.Public(err))
			}
			if strings.Contains(r.log.String(), "hunter2") || strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Error("the secret is told")
			}
		})
	}
	select {
	case <-elsewhere:
		t.Error("a request went to another host")
	default:
	}
}

// A server that hangs at its start holds up nobody.
func TestHangsOverHTTP(t *testing.T) {
	for _, method := range []string{"initialize", "tools/list", "server/discover", "notifications/initialized"} {
		t.Run(method, func(t *testing.T) {
			hang := func(_ http.ResponseWriter, r *http.Request, _ json.RawMessage) { <-r.Context().Done() }
			r := start(t, impatient(), at(serve(t, hand{method, hang}), "Bearer hunter2-hunter2"))
			r.saw("t failed", 2)
		})
	}
	t.Run("stream", func(t *testing.T) {
		h := hand{}
		r := start(t, impatient(), at(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				<-r.Context().Done()
				return
			}
			h.ServeHTTP(w, r)
		})), "Bearer hunter2-hunter2"))
		r.saw("t failed", 2)
	})
}
