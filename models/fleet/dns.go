package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// lookEvery is how often a name is looked up: what Kubernetes gives as the life of its
	// records is 5 s (CoreDNS, plugin "kubernetes") too.
	lookEvery = 5 * time.Second
	// lookTimeout bounds one look.
	lookTimeout = 4 * time.Second
	// emptiesToBelieve is how many answers in a row have no address before workers are taken
	// away for it: a server that was just started has none for a while.
	emptiesToBelieve = 3
)

// Resolver looks names up, as *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

var errEmpty = errors.New("the name has no address")

// dns is a source of the addresses of a name.
type dns struct {
	name     string
	resolver Resolver
	every    time.Duration
}

func newDNS(name string, r Resolver) *dns { return &dns{name: name, resolver: r, every: lookEvery} }

// Watch implements Source.
func (d *dns) Watch(ctx context.Context) iter.Seq2[[]Address, error] {
	return func(yield func([]Address, error) bool) {
		w := dnsWatch{dns: d, teller: teller{yield: yield}}
		tick := time.NewTicker(d.every)
		defer tick.Stop()
		for w.look(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// dnsWatch is one caller's.
type dnsWatch struct {
	*dns
	teller
	// empties count in a row.
	empties int
	// four is true when the known addresses are of version 4.
	four bool
}

func (w *dnsWatch) look(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var set []Address
	var err error
	if strings.HasPrefix(w.name, "_") {
		set, err = w.services(limited)
	} else {
		set, err = w.addresses(limited)
	}
	if ctx.Err() != nil {
		return false
	}
	switch notFound := errors.Is(err, errEmpty); {
	case notFound && (len(w.known) == 0 || w.empties+1 >= emptiesToBelieve):
		w.empties++
		return w.found(nil)
	case notFound:
		w.empties++
	case err == nil && len(set) > maxAddresses:
		return w.failed(fault.New(fault.NeedsHuman, "find workers", fmt.Errorf("%s has %d addresses, at most %d are taken", w.name, len(set), maxAddresses)))
	case err == nil:
		w.empties = 0
		return w.found(set)
	}
	return w.failed(fault.New(fault.Retryable, "find workers", fmt.Errorf("looking up %s: %w", w.name, err)))
}

// addresses looks for version 4 first and takes version 6 only of a name that has no
// other: a worker with both would be two.
func (w *dnsWatch) addresses(ctx context.Context) ([]Address, error) {
	host, port, err := net.SplitHostPort(w.name)
	if err != nil {
		return nil, err
	}
	ips, err := w.lookIP(ctx, "ip4", host)
	four := true
	trusted := !w.four || len(w.known) == 0 || w.empties+1 >= emptiesToBelieve
	if trusted && errors.Is(err, errEmpty) {
		ips, err = w.lookIP(ctx, "ip6", host)
		four = false
	}
	if err != nil {
		return nil, err
	}
	w.four = four
	var set []Address
	for _, ip := range ips {
		set = append(set, Address{HostPort: net.JoinHostPort(ip.Unmap().String(), port)})
	}
	return set, nil
}

func (w *dnsWatch) lookIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	ips, err := w.resolver.LookupNetIP(ctx, network, host)
	return ips, judge(err, len(ips))
}

// services takes the records of the lowest priority, for the others are stand-bys
// (RFC 2782), and leaves their names as they are: they say more than addresses, last
// longer, and fit to certificates.
func (w *dnsWatch) services(ctx context.Context) ([]Address, error) {
	_, records, err := w.resolver.LookupSRV(ctx, "", "", w.name)
	if err = judge(err, len(records)); err != nil {
		return nil, err
	}
	lowest := records[0].Priority
	for _, r := range records {
		lowest = min(lowest, r.Priority)
	}
	var set []Address
	for _, r := range records {
		host := strings.TrimSuffix(r.Target, ".")
		if r.Priority == lowest && host != "" { // "." means: not here
			set = append(set, Address{HostPort: net.JoinHostPort(host, strconv.Itoa(int(r.Port))), Name: host})
		}
	}
	if len(set) == 0 {
		return nil, errEmpty
	}
	return set, nil
}

// judge tells an answer without addresses from none.
func judge(err error, n int) error {
	var d *net.DNSError
	if errors.As(err, &d) && d.IsNotFound || err == nil && n == 0 {
		return errEmpty
	}
	return err
}
