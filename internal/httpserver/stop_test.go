package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/internal/httpserver"
)

// ask sends a request from another goroutine; the channel gives its status, 0
// when it was cut.
func (h *hub) ask(t *testing.T, wg *sync.WaitGroup, method, path string) <-chan int {
	t.Helper()
	status := make(chan int, 1)
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		resp, err := transport.RoundTrip(r)
		if err != nil {
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	})
	return status
}

// TestDrain stops while a webhook is at work: it finishes.
func TestDrain(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	h := start(t, httpserver.Options{Drain: patience, Webhooks: map[string]http.Handler{
		"support": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(began)
			<-finish
			if r.Context().Err() != nil {
				t.Error("the webhook was cancelled")
			}
			w.WriteHeader(http.StatusNoContent)
		}),
	}})
	var wg sync.WaitGroup
	status := h.ask(t, &wg, http.MethodPost, "/webhooks/support")
	<-began
	h.stop()
	select {
	case <-h.done:
		t.Error("Run returned while a webhook was at work")
	default:
	}
	close(finish)
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
	if got := <-status; got != http.StatusNoContent {
		t.Errorf("status %d", got)
	}
	wg.Wait()
	if resp := h.ask(t, &wg, http.MethodGet, "/healthz"); <-resp != 0 {
		t.Error("it still accepts")
	}
	wg.Wait()
}

// TestDrainIsBounded stops while a webhook hangs: it is cancelled, and Run waits for it.
func TestDrainIsBounded(t *testing.T) {
	began, ended := make(chan struct{}), false
	h := start(t, httpserver.Options{Drain: time.Millisecond, Webhooks: map[string]http.Handler{
		"support": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			ended = true
		}),
	}})
	var wg sync.WaitGroup
	h.ask(t, &wg, http.MethodPost, "/webhooks/support")
	<-began
	h.stop()
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
	if !ended {
		t.Error("Run returned before its handler")
	}
	wg.Wait()
}

// TestStreamsEndAtOnce stops while the console streams: the stream does not hold it up.
func TestStreamsEndAtOnce(t *testing.T) {
	began, cause := make(chan struct{}), make(chan error, 1)
	h := start(t, httpserver.Options{Drain: 10 * patience, Console: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		cause <- r.Context().Err()
	})})
	var wg sync.WaitGroup
	status := h.ask(t, &wg, http.MethodGet, "/events")
	<-began
	h.stop()
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
	if err := <-cause; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := <-status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	wg.Wait()
}
