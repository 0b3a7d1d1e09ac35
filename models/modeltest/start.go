package modeltest

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// patience is how long a test waits for an event that must come.
const patience = 30 * time.Second

// listening is a worker's place in the network.
type listening struct {
	server *http.Server
	done   chan struct{}
}

// Start makes a worker and lets it listen on a free port of the loopback
// interface until the test ends.
func Start(tb testing.TB, o Options) *Worker {
	tb.Helper()
	w := New(o)
	address := "127.0.0.1:0"
	w.listen = func() (net.Listener, error) { return new(net.ListenConfig).Listen(tb.Context(), "tcp", address) }
	l, err := w.listen()
	if err != nil {
		tb.Fatal(err)
	}
	address = l.Addr().String()
	w.base = "http://" + address + "/v1"
	w.serve(l)
	tb.Cleanup(w.Refuse)
	return w
}

// StartPiped makes a worker that is reached through memory alone, by the client
// it returns: for tests inside a synctest bubble.
func StartPiped(tb testing.TB, o Options) (*Worker, *http.Client) {
	tb.Helper()
	n := NewNet(tb)
	return n.Start(o), n.Client()
}

// Base is the address to configure, ending in /v1.
func (w *Worker) Base() string { return w.base }

func (w *Worker) serve(l net.Listener) {
	n := &listening{server: &http.Server{Handler: w, ReadHeaderTimeout: patience}, done: make(chan struct{})}
	w.mu.Lock()
	w.net = n
	w.mu.Unlock()
	go func() {
		defer close(n.done)
		_ = n.server.Serve(l) // ends with ErrServerClosed
	}()
}

// Refuse closes the port and drops every connection, as when the process died.
func (w *Worker) Refuse() {
	w.mu.Lock()
	n := w.net
	w.net = nil
	w.mu.Unlock()
	if n != nil {
		_ = n.server.Close()
		<-n.done
	}
}

// Return starts the worker again at the address that Refuse closed. Its cache is
// empty, and it loads its model for Options.Loading.
func (w *Worker) Return(tb testing.TB) {
	tb.Helper()
	l, err := w.listen()
	if err != nil {
		tb.Fatal(err)
	}
	w.boot()
	w.serve(l)
}

// Await waits until the counters are as the test wants them.
func (w *Worker) Await(tb testing.TB, what string, ok func(Counts) bool) Counts {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		changed := w.wait()
		c := w.Counts()
		if ok(c) {
			return c
		}
		select {
		case <-changed:
		case <-ctx.Done():
			tb.Fatalf("%s did not happen: %+v", what, c)
		}
	}
}
