package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/fleettest"
)

func fromDNS(t *testing.T, name string, r fleet.Resolver) fleet.Source {
	t.Helper()
	s, err := fleet.New(models.DiscoverConfig{DNS: name}, fleet.Options{Resolver: r})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDNS(t *testing.T) {
	d := fleettest.StartDNS(t)
	d.Set("gpu.default.svc.", "10.0.0.2", "10.0.0.1", "10.0.0.2", "fd00::1")
	l := follow(t, fleet.Hasten(fromDNS(t, "gpu.default.svc.:8000", d.Resolver())))
	l.next(0, "10.0.0.1:8000", "10.0.0.2:8000")
	d.Set("gpu.default.svc.", "10.0.0.3")
	l.next(0, "10.0.0.3:8000")
	d.Fail(true)
	l.next(fault.Retryable, "10.0.0.3:8000")
	d.Fail(false)
	l.next(0, "10.0.0.3:8000")
	d.Set("gpu.default.svc.")
	l.next(fault.Retryable, "10.0.0.3:8000")
	l.next(0)
	d.Set("gpu.default.svc.", "fd00::1", "fd00::2")
	l.next(0, "[fd00::1]:8000", "[fd00::2]:8000")
}

// TestDNSLong does not fit into a datagram.
func TestDNSLong(t *testing.T) {
	d := fleettest.StartDNS(t)
	var ips, want []string
	for i := range 200 {
		ips = append(ips, fmt.Sprintf("10.0.1.%d", i))
	}
	for i := range 1100 {
		want = append(want, fmt.Sprintf("10.1.%d.%d", i/250, i%250))
	}
	d.Set("gpu.", ips...)
	l := follow(t, fleet.Hasten(fromDNS(t, "gpu.:1", d.Resolver())))
	if h := <-l.told; len(h.set) != 200 || h.err != nil {
		t.Fatalf("%d, %v", len(h.set), h.err)
	}
	d.Set("gpu.", want...)
	if h := <-l.told; len(h.set) != 200 || fault.ClassOf(h.err) != fault.NeedsHuman {
		t.Fatalf("%d, %v", len(h.set), h.err)
	}
}

func TestDNSUnknownName(t *testing.T) {
	d := fleettest.StartDNS(t)
	l := follow(t, fleet.Hasten(fromDNS(t, "gpu.:1", d.Resolver())))
	l.next(0)
	d.Set("gpu.", "10.0.0.1")
	l.next(0, "10.0.0.1:1")
}

func TestDNSServices(t *testing.T) {
	d := fleettest.StartDNS(t)
	const name = "_http._tcp.gpu.default.svc."
	d.SetSRV(name, net.SRV{Target: "gpu-1.gpu.", Port: 8001, Priority: 10}, net.SRV{Target: "gpu-0.gpu.", Port: 8000, Priority: 10, Weight: 5},
		net.SRV{Target: "spare.gpu.", Port: 8000, Priority: 20})
	l := follow(t, fleet.Hasten(fromDNS(t, name, d.Resolver())))
	if set := l.next(0, "gpu-0.gpu:8000", "gpu-1.gpu:8001"); set[0].Name != "gpu-0.gpu" {
		t.Errorf("%+v", set)
	}
	d.SetSRV(name, net.SRV{Target: "."})
	l.next(fault.Retryable, "gpu-0.gpu:8000", "gpu-1.gpu:8001")
	l.next(0)
	d.Fail(true)
	l.next(fault.Retryable)
}

// scripted answers what it was told to, one answer a look and family.
type scripted struct {
	mu    sync.Mutex
	four  []any // of []string and error
	six   []string
	looks []time.Time
}

func (s *scripted) LookupNetIP(_ context.Context, network, _ string) ([]netip.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ips := s.six
	if network == "ip4" {
		s.looks = append(s.looks, time.Now())
		answer := s.four[0]
		if len(s.four) > 1 {
			s.four = s.four[1:]
		}
		if err, ok := answer.(error); ok {
			return nil, err
		}
		ips, _ = answer.([]string)
	}
	if len(ips) == 0 {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	out := make([]netip.Addr, 0, len(ips))
	for _, ip := range ips {
		out = append(out, netip.MustParseAddr(ip))
	}
	return out, nil
}

func (s *scripted) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("not asked for")
}

// TestDNSBelieves only what it was told three times in a row, if it is that nobody is there.
func TestDNSBelieves(t *testing.T) {
	one, none, down := []string{"10.0.0.1"}, []string(nil), errors.New("server misbehaving")
	for name, c := range map[string]struct {
		answers []any
		six     []string
		want    []string
	}{
		"twice empty, then back":     {[]any{one, none, none, one, none, none, one}, nil, []string{"[10.0.0.1:1]", "[10.0.0.1:1] fault", "[10.0.0.1:1]", "[10.0.0.1:1] fault", "[10.0.0.1:1]"}},
		"three times empty":          {[]any{one, none, none, none}, nil, []string{"[10.0.0.1:1]", "[10.0.0.1:1] fault", "[]"}},
		"a failure is no answer":     {[]any{one, none, none, down, down, none, one}, nil, []string{"[10.0.0.1:1]", "[10.0.0.1:1] fault", "[]", "[10.0.0.1:1]"}},
		"down from the start":        {[]any{down, down, one}, nil, []string{"[] fault", "[10.0.0.1:1]"}},
		"the other family waits too": {[]any{one, none, none, one}, []string{"fd00::1"}, []string{"[10.0.0.1:1]", "[10.0.0.1:1] fault", "[10.0.0.1:1]"}},
		"the other family at last":   {[]any{one, none, none, none}, []string{"fd00::1"}, []string{"[10.0.0.1:1]", "[10.0.0.1:1] fault", "[[fd00::1]:1]"}},
		"a failure is not the other": {[]any{down, one}, []string{"fd00::1"}, []string{"[] fault", "[10.0.0.1:1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &scripted{four: c.answers, six: c.six}
				ctx, cancel := context.WithTimeout(t.Context(), 58*time.Second)
				defer cancel()
				var got []string
				for set, err := range fromDNS(t, "gpu:1", r).Watch(ctx) {
					text := fmt.Sprint(names(set))
					if err != nil {
						text += " fault"
					}
					got = append(got, text)
				}
				if fmt.Sprint(got) != fmt.Sprint(c.want) {
					t.Errorf("told %q, want %q", got, c.want)
				}
				if len(r.looks) != 12 || r.looks[1].Sub(r.looks[0]) != 5*time.Second {
					t.Errorf("looked at %v", r.looks)
				}
			})
		})
	}
}

func TestStatic(t *testing.T) {
	s := fleet.Static("b:1", "a:1", "b:1")
	for set, err := range s.Watch(t.Context()) {
		if got := names(set); len(got) != 2 || got[0] != "a:1" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	times := 0
	for range s.Watch(ctx) {
		times++
		cancel()
	}
	if times != 1 {
		t.Errorf("told %d times", times)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []models.DiscoverConfig{
		{DNS: "gpu"}, {Kubernetes: models.KubernetesConfig{Selector: "a=b"}},
		{Kubernetes: models.KubernetesConfig{Namespace: "x", Selector: "a=b", Server: "https://h", CAFile: "/nowhere/ca.crt"}},
	} {
		o := fleet.Options{Getenv: func(string) string { return "" }}
		if _, err := fleet.New(c, o); fault.ClassOf(err) != fault.NeedsHuman {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if s, err := fleet.New(models.DiscoverConfig{}, fleet.Options{}); err != nil || s == nil {
		t.Error(err)
	}
}
