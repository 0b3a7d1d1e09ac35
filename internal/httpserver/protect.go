package httpserver

import (
	"context"
	"net"
	"net/http"
	"strings"
)

// contentPolicy lets a page use what this server serves and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect guards pages that browsers open.
func (s *Server) protect(pages http.Handler) http.Handler {
	// net/http's own check: Sec-Fetch-Site, else Origin against Host, on every
	// method that is not a read. Callers that are no browsers send neither.
	sameOrigin := http.NewCrossOriginProtection().Handler(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.loopback && !loopbackHost(r.Host) {
			http.Error(w, "this hub listens on this machine only; open it as http://localhost", http.StatusForbidden)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			sameOrigin.ServeHTTP(w, r)
			return
		}
		// Reads end when the stop begins: a stream of events would hold it up.
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.stopping, cancel)() //nolint:contextcheck // the server's life, beside the request's
		pages.ServeHTTP(w, r.WithContext(ctx))
	})
}

// loopbackHost tells whether a Host header names this machine itself. A page that
// rebound its own name to 127.0.0.1 comes with that name.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
