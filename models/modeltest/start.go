package modeltest

import (
	"context"
	"net"
	"net/http"
	"sync"
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
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w.base = "http://" + l.Addr().String() + "/v1"
	w.serve(l)
	tb.Cleanup(w.Refuse)
	return w
}

// StartPiped makes a worker that is reached through memory alone, by the client
// it returns: for tests inside a synctest bubble.
func StartPiped(tb testing.TB, o Options) (*Worker, *http.Client) {
	tb.Helper()
	w := New(o)
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.base = "http://worker.test/v1"
	w.serve(l)
	transport := &http.Transport{DialContext: l.dial}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		w.Refuse()
	})
	return w, &http.Client{Transport: transport}
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

// Return listens again on the port that Refuse closed.
func (w *Worker) Return(tb testing.TB) {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", w.base[len("http://"):len(w.base)-len("/v1")])
	if err != nil {
		tb.Fatal(err)
	}
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

// pipeListener hands out the server's ends of in-memory connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
