package wire_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/test/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// refused proves that a connection ends as soon as it is there.
func refused(t *testing.T, p *wire.Proxy) {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatalf("%d bytes came", n)
	}
}

type peer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, p *wire.Proxy) peer {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return peer{t, c, bufio.NewReader(c)}
}

func (p peer) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p peer) hears(want string) {
	p.t.Helper()
	if got, err := p.r.ReadString('\n'); err != nil || got != want+"\n" {
		p.t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

func (p peer) ended() {
	p.t.Helper()
	if got, err := p.r.ReadString('\n'); err == nil {
		p.t.Fatalf("heard %q, want the end", got)
	}
}

// TestCallers fails the connections of one caller; another's go on.
func TestCallers(t *testing.T) {
	names := make(chan string, 3)
	p := wire.Start(t, echo(t), func(int) string { return <-names })
	names <- "ann"
	ann := dial(t, p)
	ann.say("1")
	ann.hears("1")
	names <- "bob"
	bob := dial(t, p)
	bob.say("1")
	bob.hears("1")

	p.Set("ann", wire.Weather{Hold: true})
	ann.say("2")
	ann.say("3")
	bob.say("2")
	bob.hears("2") // while ann's wait
	p.Set("ann", wire.Weather{})
	ann.hears("2")
	ann.hears("3")

	p.Set("ann", wire.Weather{Refuse: true})
	p.Cut("ann")
	ann.ended()
	names <- "ann"
	refused(t, p)
	bob.say("3")
	bob.hears("3")
	p.Cut(wire.Everybody)
	bob.ended()
}

func TestOwner(t *testing.T) {
	p := wire.Start(t, echo(t), func(port int) string { return wire.Owner(port, map[string]int{"me": os.Getpid(), "init": 1}) })
	p.Set("me", wire.Weather{Refuse: true})
	refused(t, p)
	p.Set("me", wire.Weather{})
	c := dial(t, p)
	c.say("hello")
	c.hears("hello")
	port := c.LocalAddr().(*net.TCPAddr).Port
	if got := wire.Owner(port, map[string]int{"init": 1}); got != wire.Everybody {
		t.Errorf("it is %q's", got)
	}
	if got := wire.Owner(1, map[string]int{"me": os.Getpid()}); got != wire.Everybody {
		t.Errorf("a port without a connection is %q's", got)
	}
}
