//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/parley-hub/parley/adapters/transport"
)

const (
	dialWithin   = 15 * time.Second
	answerWithin = 30 * time.Second
	// domain is where WhatsApp keeps files.
	domain = "whatsapp.net"
)

var (
	errHost    = errors.New("the file is said to lie on a host that is none of WhatsApp's")
	errPrivate = errors.New("the file is said to lie on an address that is not public")
)

// network makes the HTTP clients of one connection.
type network struct {
	endpoint *url.URL

	mu      sync.Mutex
	sockets []*socket
	media   *http.Transport
}

// redirected sends requests to a simulator.
type redirected struct {
	to   *url.URL
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (r redirected) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = r.to.Scheme, r.to.Host, ""
	return r.next.RoundTrip(out)
}

// socketClient opens the websocket; hangUp ends what it opened.
func (n *network) socketClient() *http.Client {
	dialer := &net.Dialer{Timeout: dialWithin}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSHandshakeTimeout:   dialWithin,
		ResponseHeaderTimeout: answerWithin,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			s := &socket{Conn: conn, closed: make(chan struct{})}
			n.sockets = append(n.sockets, s)
			return s, nil
		},
	}
	return client(n.through(transport))
}

// through is the way of a request: to a simulator, if there is one.
func (n *network) through(transport *http.Transport) http.RoundTripper {
	if n.endpoint == nil {
		return transport
	}
	transport.Proxy = nil
	return redirected{n.endpoint, transport}
}

// client follows no redirects: they would lead to another host.
func client(next http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     next,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// socket is a connection that tells when its user has closed it.
//
// whatsmeow looks at its connection to write, and forgets it when reading has failed,
// without a lock (socket/framesocket.go, SendFrame and Close). So whoever is told that
// reading failed comes behind all who have begun to write.
type socket struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
	begun  sync.Mutex
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	s.begun.Lock()
	s.begun.Unlock() //nolint:staticcheck // it is the order that counts
	return s.Conn.Write(p)
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err != nil {
		s.begun.Lock()
		s.begun.Unlock() //nolint:staticcheck // see Write
	}
	return n, err
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// hangUp ends the connection below the websocket and waits until its reader noticed.
// whatsmeow's own way of ending it stops those who take frames from the reader before the
// reader, which then waits for ever (socket/framesocket.go, frameComplete).
func (n *network) hangUp() {
	n.mu.Lock()
	sockets := n.sockets
	n.sockets = nil
	n.mu.Unlock()
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	for _, s := range sockets {
		_ = s.Conn.Close() // it is to be gone; that it already is does no harm
		select {
		case <-s.closed:
		case <-timer.C:
			return
		}
	}
	if n.media != nil {
		n.media.CloseIdleConnections()
	}
}

// mediaClient gets files from WhatsApp's hosts and from nowhere else, and no more of
// them than the request's context allows.
func (n *network) mediaClient() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSHandshakeTimeout:   dialWithin,
		ResponseHeaderTimeout: answerWithin,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       answerWithin,
		DialContext:           n.dialMedia,
	}
	n.media = transport
	return client(guarded{n.through(transport)})
}

// dialMedia connects to public addresses. A proxy, which the operator names, may be
// anywhere.
func (n *network) dialMedia(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialWithin}
	if host, _, err := net.SplitHostPort(address); err == nil && ofWhatsApp(host) {
		dialer.Control = publicOnly
	}
	return dialer.DialContext(ctx, network, address)
}

// publicOnly looks at an address after its name was resolved.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	if ip := at.Addr().Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return errPrivate
	}
	return nil
}

func ofWhatsApp(host string) bool { return strings.HasSuffix(strings.ToLower(host), "."+domain) }

// guarded refuses hosts that are none of WhatsApp's and bodies that are too large.
type guarded struct{ next http.RoundTripper }

// sizeKey is the context's key for how many bytes a body may have.
type sizeKey struct{}

// RoundTrip implements http.RoundTripper.
func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	u := req.URL
	if u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" || !ofWhatsApp(u.Hostname()) {
		return nil, errHost
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	limit, ok := req.Context().Value(sizeKey{}).(int64)
	if !ok {
		return resp, nil
	}
	if resp.ContentLength > limit {
		return nil, errors.Join(transport.ErrAnswerTooLong, resp.Body.Close())
	}
	resp.Body = transport.Bounded(resp.Body, limit)
	return resp, nil
}
