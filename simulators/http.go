package simulators

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"
)

// dialTimeout bounds how long a webhook's address may take to be reached.
const dialTimeout = 10 * time.Second

// HookClient makes a client for webhook calls. It follows no redirects and no proxy, so that it
// talks to exactly the address that was registered. A nil carrier dials that address and keeps
// up to idle connections to it. Each call may take timeout; zero means as long as its context.
func HookClient(carrier http.RoundTripper, idle int, timeout time.Duration) *http.Client {
	if carrier == nil {
		carrier = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			MaxIdleConnsPerHost: idle,
			IdleConnTimeout:     time.Minute,
		}
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     carrier,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Cut closes the connection without an answer, once the handler's deferred calls are made:
// what it writes down stands before its caller learns anything. It panics with
// http.ErrAbortHandler, which is how net/http is told.
func Cut() { panic(http.ErrAbortHandler) }

// JSON encodes a value of the caller's own making. One without a JSON form is a mistake in the
// caller's types: JSON panics.
func JSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	return data
}

// long bounds a value that a transcript keeps, in bytes.
const long = 8 << 10

// Shorten cuts a long value for the transcript, between characters.
func Shorten(value string) string {
	if len(value) <= long {
		return value
	}
	return strings.ToValidUTF8(value[:long], "")
}

// ShortenAll cuts the long ones of some values for the transcript, in a copy.
func ShortenAll(values map[string]string) map[string]string {
	out := make(map[string]string, len(values))
	for k, v := range values {
		out[k] = Shorten(v)
	}
	return out
}
