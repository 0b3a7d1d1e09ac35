// Package httpserver is the hub's one HTTP listener: webhooks, health, readiness,
// metrics, the API for other programs and the console.
//
//	/webhooks/<account>  what the platform of that account calls
//	/healthz             200 "ok" as long as the process serves
//	/readyz              200, or 503 with what is not ready, as JSON
//	/readyz/calls        the same of what keeps this process from taking calls
//	/metrics             Prometheus text format
//	/v1/                 the API, which bounds its bodies by itself
//	/mcp                 the tools of skills for other programs, which does so too
//	/                    the console, and everything below that is not named above
//
// What it mounts are plain http.Handlers; it knows no platform and no page. It
// gives each of them the same protection: a bound on the body (413 before it is
// read, where its length is announced), time limits on slow clients, recovery from panics with a reference that
// the log has too, and an access log at debug level without query strings.
//
// The console gets three more, since browsers reach it: security headers with a
// content policy that allows no inline script, a check of the Host header when
// the hub listens on loopback (so that a foreign page cannot reach it by rebinding
// its name), and a same-origin check on everything that is not a read.
package httpserver
