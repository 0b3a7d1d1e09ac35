package mcp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// maxConnections bounds those to one server.
	maxConnections = 64
	// getEvery is the shortest time between two streams of what a server says unasked: one
	// that ends them all is not asked in a circle.
	getEvery = 500 * time.Millisecond
	// maxRedirects is how often a request is sent on, within the server.
	maxRedirects = 3
)

var (
	errElsewhere = errors.New("the server sends requests to another host")
	errRedirects = errors.New("redirected too often")
)

// caller makes the requests of one session over streamable HTTP.
type caller struct {
	server Server
	start  time.Duration // until a stream begins
	limits Limits
	rate   *allowance
	base   *http.Transport
	to     *url.URL
	life   context.Context //nolint:containedctx // the session's life, beside each request's
	die    context.CancelFunc

	mu   sync.Mutex
	next time.Time // of the next GET
}

var _ wire = (*caller)(nil)

func newCaller(o *Options, s Server) (*caller, error) {
	to, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	c := &caller{server: s, start: o.Times.Start, limits: o.Limits, rate: newAllowance(o.Limits), to: to}
	c.life, c.die = context.WithCancel(context.Background())
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	c.base = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10, MaxConnsPerHost: maxConnections, IdleConnTimeout: 30 * time.Second,
	}
	return c, nil
}

// transport implements wire.
func (c *caller) transport() sdk.Transport {
	return &sdk.StreamableClientTransport{
		Endpoint: c.server.URL, MaxEventSize: int(c.limits.Message),
		HTTPClient: &http.Client{Transport: c, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errRedirects
			}
			return nil
		}},
	}
}

// attempt is what became of the request of a call, for whoever makes it: the SDK does not
// tell a call that the server refused from one whose answer was lost.
type attempt struct{ sent, unknown atomic.Bool }

type attemptKey struct{}

// undone tells that the server did nothing: it was not asked, or it does not know the session.
func (a *attempt) undone() bool { return !a.sent.Load() || a.unknown.Load() }

// RoundTrip implements http.RoundTripper.
func (c *caller) RoundTrip(r *http.Request) (*http.Response, error) {
	a, tells := r.Context().Value(attemptKey{}).(*attempt)
	if tells {
		a.sent.Store(true)
	}
	resp, err := c.send(r)
	if tells && err == nil && resp.StatusCode == http.StatusNotFound && r.Header.Get("Mcp-Session-Id") != "" {
		a.unknown.Store(true)
	}
	return resp, err
}

func (c *caller) send(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != c.to.Scheme || r.URL.Host != c.to.Host {
		return nil, errElsewhere
	}
	ctx, cancel := context.WithCancel(r.Context())
	free := context.AfterFunc(c.life, cancel) //nolint:contextcheck // the session's life, beside the request's
	stop := func() {
		free()
		cancel()
	}
	long := r.Method == http.MethodGet
	if long {
		if err := c.pace(ctx); err != nil {
			stop()
			return nil, err
		}
	}
	// The SDK waits for the begin of a stream without a bound of its own.
	var late *time.Timer
	if r.Method != http.MethodPost {
		late = time.AfterFunc(c.start, cancel)
	}
	r = r.Clone(ctx)
	for name, value := range c.server.Headers {
		r.Header.Set(name, value.Reveal())
	}
	resp, err := c.base.RoundTrip(r)
	if late != nil {
		late.Stop()
	}
	if err != nil {
		stop()
		return nil, err
	}
	b := &body{from: resp.Body, c: c, long: long, left: c.limits.Message, stop: stop}
	resp.Body = b
	return resp, nil
}

// pace waits until a stream may be asked for.
func (c *caller) pace(ctx context.Context) error {
	c.mu.Lock()
	now := time.Now()
	at := c.next
	if at.Before(now) {
		at = now
	}
	c.next = at.Add(getEvery)
	c.mu.Unlock()
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end implements wire.
func (c *caller) end() {
	c.die()
	c.base.CloseIdleConnections()
}

// cut implements wire.
func (c *caller) cut() { c.end() }

// why implements wire.
func (c *caller) why() error { return c.rate.why() }

// said implements wire.
func (c *caller) said() string { return "" }

// body is an answer: a long one may go on for ever, within the allowance of the session.
type body struct {
	from io.ReadCloser
	c    *caller
	long bool
	left int64
	stop func()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if !b.long && int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if !b.c.rate.take(p[:n]) {
		return 0, ErrFlood
	}
	if b.left -= int64(n); !b.long && b.left < 0 {
		b.c.rate.flood()
		return 0, ErrFlood
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.stop()
	return b.from.Close()
}
