package fleettest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// maxUDP is how much of an answer goes into a datagram; longer ones are cut, and asked for
// again over TCP.
const maxUDP = 512

// DNSServer answers for the names it was given, over UDP and TCP (RFC 1035, RFC 2782). Other
// names do not exist.
type DNSServer struct {
	udp net.PacketConn
	tcp net.Listener
	all sync.WaitGroup

	mu      sync.Mutex
	ips     map[string][]netip.Addr
	srvs    map[string][]net.SRV
	failing bool
	over    bool
	dialled []net.Conn
}

// StartDNS starts one that knows no name.
func StartDNS(t testing.TB) *DNSServer {
	t.Helper()
	d := &DNSServer{ips: map[string][]netip.Addr{}, srvs: map[string][]net.SRV{}}
	var lc net.ListenConfig
	var err error
	if d.tcp, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if d.udp, err = lc.ListenPacket(t.Context(), "udp", d.tcp.Addr().String()); err != nil {
		t.Fatal(err)
	}
	d.all.Go(d.serveUDP)
	d.all.Go(d.serveTCP)
	t.Cleanup(func() {
		d.hangUp()
		_ = d.udp.Close()
		_ = d.tcp.Close()
		d.all.Wait()
	})
	return d
}

// Resolver asks this server alone.
func (d *DNSServer) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.over {
			return nil, net.ErrClosed
		}
		c, err := (&net.Dialer{}).DialContext(ctx, network, d.tcp.Addr().String())
		if err == nil {
			d.dialled = append(d.dialled, c)
		}
		return c, err
	}}
}

// hangUp ends what is asked: Go's resolver waits for answers after its caller has gone.
func (d *DNSServer) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	for _, c := range d.dialled {
		_ = c.Close()
	}
}

// Set gives a name its addresses; without any it exists and has none. name ends with a dot.
func (d *DNSServer) Set(name string, ips ...string) {
	addrs := make([]netip.Addr, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netip.MustParseAddr(ip))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ips[name] = addrs
}

// SetSRV gives a name its services.
func (d *DNSServer) SetSRV(name string, records ...net.SRV) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.srvs[name] = records
}

// Fail lets it answer SERVFAIL.
func (d *DNSServer) Fail(failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = failing
}

func (d *DNSServer) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := d.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := d.answer(buf[:n], maxUDP); answer != nil {
			_, _ = d.udp.WriteTo(answer, from)
		}
	}
}

func (d *DNSServer) serveTCP() {
	for {
		c, err := d.tcp.Accept()
		if err != nil {
			return
		}
		d.all.Go(func() {
			defer func() { _ = c.Close() }()
			for {
				var size [2]byte
				if _, err := io.ReadFull(c, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, question); err != nil {
					return
				}
				answer := d.answer(question, 1<<16-1)
				if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		})
	}
}

// answer gives nil for what is no question.
func (d *DNSServer) answer(packet []byte, size int) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	out := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: m.Questions,
	}
	d.mu.Lock()
	ips, named := d.ips[q.Name.String()]
	srvs, served := d.srvs[q.Name.String()]
	switch {
	case d.failing:
		out.RCode = dnsmessage.RCodeServerFailure
	case !named && !served:
		out.RCode = dnsmessage.RCodeNameError
	}
	d.mu.Unlock()
	if out.RCode == dnsmessage.RCodeSuccess {
		out.Answers = records(q, ips, srvs)
	}
	packed, err := out.Pack()
	if err == nil && len(packed) > size {
		out.Truncated, out.Answers = true, nil
		packed, err = out.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}

func records(q dnsmessage.Question, ips []netip.Addr, srvs []net.SRV) []dnsmessage.Resource {
	var out []dnsmessage.Resource
	add := func(body dnsmessage.ResourceBody) {
		out = append(out, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5}, Body: body})
	}
	switch q.Type {
	case dnsmessage.TypeA:
		for _, ip := range ips {
			if ip.Is4() {
				add(&dnsmessage.AResource{A: ip.As4()})
			}
		}
	case dnsmessage.TypeAAAA:
		for _, ip := range ips {
			if ip.Is6() {
				add(&dnsmessage.AAAAResource{AAAA: ip.As16()})
			}
		}
	case dnsmessage.TypeSRV:
		for _, s := range srvs {
			add(&dnsmessage.SRVResource{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: dnsmessage.MustNewName(s.Target)})
		}
	}
	return out
}
