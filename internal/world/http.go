package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// The bounds of a call.
const (
	// MaxAnswer is the longest answer, unpacked, in bytes.
	MaxAnswer = 8 << 20
	// maxCall is how long a call may take, its answer read.
	maxCall = 30 * time.Second
	// maxRedirects is how often a call is sent elsewhere.
	maxRedirects = 5
	// maxConnections bounds those of one skill to one host.
	maxConnections = 16
)

var (
	errTooLong   = fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	errRedirects = errors.New("redirected too often")
)

// notAllowed is a refusal on its way through the HTTP client.
type notAllowed struct {
	permission skills.Permission
	what       string
}

// Error implements error.
func (n notAllowed) Error() string { return "not allowed: " + string(n.permission) + " " + n.what }

// caller makes the calls of one skill. Its connections serve all its turns.
type caller struct {
	may       skills.Permissions
	transport *http.Transport
	client    *http.Client

	mu       sync.Mutex
	turns    int
	released bool
}

func (c *caller) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns++
}

func (c *caller) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns--
	c.rest()
}

// release says that the skill is gone; turns may still run.
func (c *caller) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
	c.rest()
}

// rest gives idle connections back where nobody is left to use them.
func (c *caller) rest() {
	if c.released && c.turns == 0 {
		c.transport.CloseIdleConnections()
	}
}

func newCaller(may skills.Permissions) *caller {
	c := &caller{may: may}
	c.transport = &http.Transport{
		// No proxy: behind one nobody sees which address is called.
		DialContext: dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost: maxConnections, IdleConnTimeout: 30 * time.Second,
	}
	c.client = &http.Client{
		Transport: c, Timeout: maxCall,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errRedirects
			}
			return nil
		},
	}
	return c
}

// RoundTrip implements http.RoundTripper: each request, those of redirections too, goes
// only to a host of the manifest.
func (c *caller) RoundTrip(r *http.Request) (*http.Response, error) {
	port := map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	name, own := r.URL.Hostname(), r.URL.Port() == "" || r.URL.Port() == port
	if r.URL.Port() != "" {
		named := r.URL.Port()
		own, port = named == port, named
	}
	ok, _ := c.may.MayCall(name, port, own)
	switch {
	case r.URL.Scheme != "http" && r.URL.Scheme != "https":
		return nil, notAllowed{skills.PermitHost, "scheme " + r.URL.Scheme}
	case !ok, r.Host != "" && r.Host != r.URL.Host:
		return nil, notAllowed{skills.PermitHost, net.JoinHostPort(name, port)}
	}
	return c.transport.RoundTrip(r)
}

// dial connects. A host that is named with its address was allowed as such; a name never
// leads to an address that is not public, whatever the DNS says of it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil {
		d.Control = func(_, to string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(to)
			if err != nil || !public(at.Addr()) {
				return notAllowed{skills.PermitAddress, host}
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

// reserved are the networks that are not the public internet, beside those that netip
// tells (https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 twin).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	// Addresses that carry one of IPv4, which may be any.
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("::/96"),
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// calls is the HTTP of one turn.
type calls struct{ w *world }

// Do implements skills.HTTP.
func (c calls) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.w.caller.client.Do(r) //nolint:gosec // where it may go is decided by RoundTrip and dial
	if err != nil {
		return nil, c.failed(r, err)
	}
	resp.Body = &bounded{body: resp.Body, left: MaxAnswer, skill: c.w.m.Name}
	return resp, nil
}

// failed gives the fault of a call, without its URL.
func (c calls) failed(r *http.Request, err error) error {
	var refusal notAllowed
	if errors.As(err, &refusal) {
		return c.w.denied(refusal.permission, refusal.what)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	op := "skill " + c.w.m.Name + ": call " + r.URL.Hostname()
	if errors.Is(err, errRedirects) {
		return fault.New(fault.Permanent, op, err)
	}
	return fault.New(fault.Retryable, op, err)
}

// bounded reads an answer up to its bound, past which it fails: cut in silence it would
// pass for a whole one.
type bounded struct {
	body  io.ReadCloser
	left  int64
	skill string
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		return int(b.left), fault.New(fault.Permanent, "skill "+b.skill, errTooLong)
	}
	b.left -= int64(n)
	return n, err
}

// Close implements io.Closer.
func (b *bounded) Close() error { return b.body.Close() }
