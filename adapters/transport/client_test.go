package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters/transport"
)

func get(ctx context.Context, t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web
}

func TestClientFollowsNoRedirect(t *testing.T) {
	web := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	given := &http.Client{Transport: web.Client().Transport, Timeout: time.Hour}
	for name, from := range map[string]*http.Client{"its own": nil, "a given one": given} {
		client, release := transport.NewClient(from, time.Minute)
		resp, err := client.Do(get(t.Context(), t, web.URL))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode != http.StatusFound || client.Timeout != 0 {
			t.Errorf("%s: status %d, timeout %v", name, resp.StatusCode, client.Timeout)
		}
		release() // what it keeps would be a leak
	}
	if given.Timeout != time.Hour || given.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
}

func TestTrace(t *testing.T) {
	arrived := make(chan struct{}, 1)
	web := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, test := range map[string]struct {
		address string
		want    bool
	}{
		"nobody listens":          {closed.URL, false},
		"cancelled after it came": {web.URL, true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			select {
			case <-arrived:
				cancel()
			case <-ctx.Done():
			}
		}()
		var trace transport.Trace
		resp, err := web.Client().Do(get(trace.Follow(ctx), t, test.address))
		if err == nil {
			_ = resp.Body.Close() // only so that nothing is left behind
			t.Errorf("%s: answered", name)
		}
		if got := trace.Sent(ctx); got != test.want {
			t.Errorf("%s: sent %v", name, got)
		}
		cancel()
		<-ended
	}
}

func TestBounded(t *testing.T) {
	for size, want := range map[int]error{0: nil, 9: nil, 10: nil, 11: transport.ErrAnswerTooLong, 9999: transport.ErrAnswerTooLong} {
		data, err := io.ReadAll(transport.Bounded(io.NopCloser(strings.NewReader(strings.Repeat("x", size))), 10))
		if !errors.Is(err, want) || len(data) != min(size, 10) {
			t.Errorf("%d bytes: %d read, %v", size, len(data), err)
		}
	}
}

func TestClean(t *testing.T) {
	redact := func(words string) string { return strings.ReplaceAll(words, "secret", "***") }
	cause := fmt.Errorf("deep: %w", &url.Error{Op: "Get", URL: "http://host/secret", Err: errors.New("no secret here")})
	live := t.Context()
	ended, cancel := context.WithCancel(live)
	cancel()
	if got := transport.Clean(live, cause, redact); got.Error() != "no *** here" || errors.Unwrap(got) != nil {
		t.Errorf("got %v", got)
	}
	if got := transport.Clean(ended, cause, redact); !errors.Is(got, context.Canceled) || got.Error() != "context canceled (no *** here)" {
		t.Errorf("got %v", got)
	}
}
