// Package wire is the network between the processes of a test: proxies that cut,
// refuse, slow down and hold connections, all of them or those of one caller.
//
// A proxy knows who calls it by the process that owns the other end. So one proxy at
// the address that a server announces is enough to fail between any two: what Redis
// Sentinel and Cluster tell their clients is one address for all. It needs Linux.
package wire

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Everybody is the caller that stands for all of them.
const Everybody = ""

// Weather is what connections meet. The zero value is a network in order.
type Weather struct {
	// Delay holds back all that is sent, both ways.
	Delay time.Duration
	// Hold lets nothing through until it ends; nothing is lost.
	Hold bool
	// Refuse resets new connections.
	Refuse bool
}

// Proxy stands between callers and a server.
type Proxy struct {
	l      net.Listener
	to     string
	caller func(port int) string
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	links   map[*link]bool
	weather map[string]Weather
	changed chan struct{} // closed and replaced with the weather
}

// link is a connection through the proxy.
type link struct {
	caller  string
	in, out net.Conn
	once    sync.Once
	gone    chan struct{}
}

// Start starts one that ends with the test. caller names who calls from a local port;
// nil where nobody is told apart.
func Start(t testing.TB, to string, caller func(port int) string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if caller == nil {
		caller = func(int) string { return Everybody }
	}
	p := &Proxy{l: l, to: to, caller: caller, links: map[*link]bool{}, weather: map[string]Weather{}, changed: make(chan struct{})}
	p.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut(Everybody)
		p.wg.Wait()
	})
	return p
}

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Port is where it listens.
func (p *Proxy) Port() int { return p.l.Addr().(*net.TCPAddr).Port }

// Set changes the weather between a caller and the server, or for Everybody.
func (p *Proxy) Set(caller string, w Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather[caller] = w
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut resets a caller's connections, or Everybody's, whatever is on its way.
func (p *Proxy) Cut(caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if caller == Everybody || caller == l.caller {
			l.end(true)
		}
	}
}

// now is what a caller meets, until changed is closed.
func (p *Proxy) now(caller string) (w Weather, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, all := p.weather[caller], p.weather[Everybody]
	return Weather{max(own.Delay, all.Delay), own.Hold || all.Hold, own.Refuse || all.Refuse}, p.changed
}

func (p *Proxy) serve(in net.Conn) {
	l := &link{caller: p.caller(in.RemoteAddr().(*net.TCPAddr).Port), in: in, gone: make(chan struct{})}
	var err error
	if w, _ := p.now(l.caller); !w.Refuse {
		l.out, err = net.Dial("tcp", p.to)
	}
	p.mu.Lock()
	if l.out == nil || err != nil || p.closed {
		p.mu.Unlock()
		l.end(true)
		return
	}
	p.links[l] = true
	p.mu.Unlock()
	var pipes sync.WaitGroup
	pipes.Go(func() { p.pipe(l, in, l.out) })
	pipes.Go(func() { p.pipe(l, l.out, in) })
	pipes.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pipe carries what one side sends.
func (p *Proxy) pipe(l *link, from, to net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && p.pass(l) {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	l.end(false)
}

// pass waits as the weather wants it; false when the connection ended.
func (p *Proxy) pass(l *link) bool {
	w, changed := p.now(l.caller)
	if w.Delay > 0 {
		timer := time.NewTimer(w.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.gone:
			return false
		}
		w, changed = p.now(l.caller)
	}
	for w.Hold {
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
		w, changed = p.now(l.caller)
	}
	return true
}

// end closes both sides, with a reset or in good order.
func (l *link) end(reset bool) {
	l.once.Do(func() {
		close(l.gone)
		for _, c := range []net.Conn{l.in, l.out} {
			tcp, ok := c.(*net.TCPConn)
			if !ok {
				continue // there is no second side yet
			}
			if reset {
				_ = tcp.SetLinger(0)
			}
			_ = tcp.Close()
		}
	})
}
