package httpserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/parley-hub/parley/internal/httpserver"
)

func TestSecurityHeaders(t *testing.T) {
	h := start(t, httpserver.Options{Console: answer("console")})
	resp, _ := h.do(t, "GET", "/", nil, nil)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	h := start(t, httpserver.Options{Console: answer("console"), Webhooks: map[string]http.Handler{"support": answer("support")}})
	for host, code := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "localhost.": 200, "127.0.0.1:1": 200, "127.9.9.9": 200, "[::1]:80": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:80": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "10.0.0.1": 403, "0.0.0.0": 403,
	} {
		for _, method := range []string{"GET", "POST"} {
			if resp, _ := h.do(t, method, "/", nil, func(r *http.Request) { r.Host = host }); resp.StatusCode != code {
				t.Errorf("%s for host %s: %d, want %d", method, host, resp.StatusCode, code)
			}
		}
		// A tunnel passes the public name on.
		if resp, _ := h.do(t, "POST", "/webhooks/support", nil, func(r *http.Request) { r.Host = host }); resp.StatusCode != http.StatusOK {
			t.Errorf("webhook for host %s: %d", host, resp.StatusCode)
		}
	}
}

func TestAnyHostWhenPublic(t *testing.T) {
	h := start(t, httpserver.Options{Listen: "0.0.0.0:0", Console: answer("console")})
	h.addr = strings.Replace(h.addr, "[::]", "127.0.0.1", 1)
	if resp, _ := h.do(t, "GET", "/", nil, func(r *http.Request) { r.Host = "hub.example.org" }); resp.StatusCode != http.StatusOK {
		t.Error(resp.StatusCode)
	}
}

func TestSameOrigin(t *testing.T) {
	h := start(t, httpserver.Options{Console: answer("console"), Webhooks: map[string]http.Handler{"support": answer("support")}})
	for _, c := range []struct {
		name, header, value string
		code                int
	}{
		{"same", "Sec-Fetch-Site", "same-origin", 200},
		{"typed", "Sec-Fetch-Site", "none", 200},
		{"cross", "Sec-Fetch-Site", "cross-site", 403},
		{"same site", "Sec-Fetch-Site", "same-site", 403},
		{"same origin", "Origin", "http://" + h.addr, 200},
		{"other origin", "Origin", "https://evil.example", 403},
		{"other port", "Origin", "http://127.0.0.1:1", 403},
		{"null origin", "Origin", "null", 403},
		{"no browser", "X-Nothing", "x", 200},
	} {
		set := func(r *http.Request) { r.Header.Set(c.header, c.value) }
		if resp, _ := h.do(t, "POST", "/say", nil, set); resp.StatusCode != c.code {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.code)
		}
		if resp, _ := h.do(t, "GET", "/", nil, set); resp.StatusCode != http.StatusOK {
			t.Errorf("%s, reading: %d", c.name, resp.StatusCode)
		}
		if resp, _ := h.do(t, "POST", "/webhooks/support", nil, set); resp.StatusCode != http.StatusOK {
			t.Errorf("%s, webhook: %d", c.name, resp.StatusCode)
		}
	}
}
