package openaiapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// proxy passes requests on and does nothing else; it reads a body first, since streams
// are cut where it does not.
func proxy(b *testing.B, worker *modeltest.Worker) string {
	b.Helper()
	target, err := url.Parse(strings.TrimSuffix(worker.Base(), "/v1"))
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	b.Cleanup(transport.CloseIdleConnections)
	p := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.ServeHTTP(w, r)
	}))
	b.Cleanup(server.Close)
	return server.URL + "/v1"
}

// BenchmarkChat asks the worker itself, through a bare proxy, and through endpoint, pool
// and worker client, each with 1 and 32 callers. Every answer is looked at: a stream that
// is cut is a failure.
func BenchmarkChat(b *testing.B) {
	worker := modeltest.Start(b, modeltest.Options{})
	hub := start(b, map[string]models.Client{"chat": poolOf(b, worker)}, func(o *openaiapi.Options) {
		o.Observer = nil
		o.Keys = []openaiapi.Key{{Name: "ci", Secret: secret.New(keyCI)}}
	})
	words := strings.TrimSpace(strings.Repeat("token ", 63))
	for _, kind := range []struct{ name, body, end string }{
		{"plain", `{"model":"chat","messages":[{"role":"user","content":"hi"}]}`, "}"},
		{"stream64", `{"model":"chat","stream":true,"messages":[{"role":"user","content":"` + words + `"}]}`, "data: [DONE]"},
	} {
		for _, way := range []struct{ name, url string }{{"direct", worker.Base()}, {"proxy", proxy(b, worker)}, {"hub", hub.url}} {
			for _, callers := range []int{1, 32} {
				b.Run(fmt.Sprintf("%s/%s/%d", kind.name, way.name, callers), func(b *testing.B) {
					transport := &http.Transport{MaxIdleConnsPerHost: callers}
					defer transport.CloseIdleConnections()
					b.ReportAllocs()
					share(b, callers, func() error { return askOnce(transport, way.url, kind.body, kind.end) })
				})
			}
		}
	}
}

// share runs b.N calls from so many callers.
func share(b *testing.B, callers int, call func() error) {
	b.Helper()
	turns, failed := make(chan struct{}), make(chan error, callers)
	for range callers {
		go func() {
			var err error
			for range turns {
				if e := call(); e != nil {
					err = e
				}
			}
			failed <- err
		}()
	}
	for b.Loop() {
		turns <- struct{}{}
	}
	close(turns)
	for range callers {
		if err := <-failed; err != nil {
			b.Error(err)
		}
	}
}

func askOnce(transport http.RoundTripper, base, body, end string) error {
	r, err := http.NewRequest(http.MethodPost, base+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+keyCI)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(string(text)), end) {
		return fmt.Errorf("%d %s", resp.StatusCode, text)
	}
	return nil
}
