package modeltest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
)

// Net is a network in memory, for workers inside a synctest bubble: time there passes
// only when everybody waits, so hours of a slow worker cost no more than its work.
type Net struct {
	tb     testing.TB
	client *http.Client

	mu    sync.Mutex
	count int
	hosts map[string]*pipeListener
}

// NewNet makes a network that lasts until the test ends.
func NewNet(tb testing.TB) *Net {
	n := &Net{tb: tb, hosts: make(map[string]*pipeListener)}
	// As many idle connections as there may be requests: a new one for each is not what
	// is to be measured.
	transport := &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 1024}
	n.client = &http.Client{Transport: transport}
	tb.Cleanup(transport.CloseIdleConnections)
	return n
}

// Client reaches the workers of the network, and nothing else.
func (n *Net) Client() *http.Client { return n.client }

// Start makes a worker and lets it listen until the test ends: the first one at
// http://worker-1.test/v1.
func (n *Net) Start(o Options) *Worker {
	n.tb.Helper()
	w := New(o)
	n.mu.Lock()
	n.count++
	host := fmt.Sprintf("worker-%d.test", n.count)
	n.mu.Unlock()
	w.base = "http://" + host + "/v1"
	w.listen = func() (net.Listener, error) { return n.listen(host), nil }
	w.serve(n.listen(host))
	n.tb.Cleanup(w.Refuse)
	return w
}

func (n *Net) listen(host string) *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host+":80"] = l
	return l
}

func (n *Net) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.hosts[address]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", address, syscall.EHOSTUNREACH)
	}
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipeListener hands out the server's ends of in-memory connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
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
