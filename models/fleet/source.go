package fleet

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net"
	"os"
	"slices"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// maxAddresses bounds what an answer can make of a pool.
const maxAddresses = 1024

// Address is where a worker listens.
type Address struct {
	// HostPort is unique in a set: an address or a name, and a port.
	HostPort string
	// Name is what the source calls it, as the name of a pod; "" where it has none.
	Name string
	// Draining is true of a worker that ends what it has begun and is to get nothing new.
	Draining bool
}

// Source tells where workers are.
type Source interface {
	// Watch gives all workers there are, in order of HostPort, at first and each time the
	// set changes, until ctx ends or the caller stops. While the source cannot be asked or
	// cannot be believed it gives the set as it was known last with the fault: once, not for
	// each try; then the set without a fault as soon as it is known again. Retryable heals
	// by itself, NeedsHuman says what is to be done; both are tried again for ever. It runs
	// in the caller's goroutine. The sets are the caller's.
	Watch(ctx context.Context) iter.Seq2[[]Address, error]
}

// Options are the world around a source. The zero value is the real one.
type Options struct {
	// Resolver is asked for names; nil means net.DefaultResolver.
	Resolver Resolver
	// Getenv tells where the cluster's API server is; nil means os.Getenv.
	Getenv func(string) string
	// ServiceAccount is the folder of the pod's own token, certificate authority and
	// namespace; "" means the usual one.
	ServiceAccount string
}

// New makes the source that a valid configuration describes. A cluster's files that are
// not there are a NeedsHuman fault.
func New(c models.DiscoverConfig, o Options) (Source, error) {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	o.ServiceAccount = cmp.Or(o.ServiceAccount, defaultServiceAccount)
	if problems := c.Validate("discover"); len(problems) > 0 {
		return nil, fault.New(fault.NeedsHuman, "find workers", errors.New(problems[0].Key+" "+problems[0].Text))
	}
	switch {
	case !c.Kubernetes.IsZero():
		return newKubernetes(c.Kubernetes, o)
	case c.DNS != "":
		return newDNS(c.DNS, o.Resolver), nil
	}
	return Static(), nil
}

// Static is a source of workers that never change.
func Static(hostports ...string) Source {
	set := make([]Address, 0, len(hostports))
	for _, hp := range hostports {
		set = append(set, Address{HostPort: hp})
	}
	return static(tidy(set))
}

type static []Address

func (s static) Watch(ctx context.Context) iter.Seq2[[]Address, error] {
	return func(yield func([]Address, error) bool) {
		if ctx.Err() == nil && yield(slices.Clone(s), nil) {
			<-ctx.Done()
		}
	}
}

// tidy sorts a set and takes out what is there twice.
func tidy(set []Address) []Address {
	slices.SortFunc(set, func(a, b Address) int { return cmp.Compare(a.HostPort, b.HostPort) })
	return slices.CompactFunc(set, func(a, b Address) bool { return a.HostPort == b.HostPort })
}

// teller tells what is new.
type teller struct {
	yield func([]Address, error) bool
	known []Address
	// told is true once anything was; fault is the class of what was told last.
	told  bool
	fault fault.Class
}

// found tells of the set as it is now, unless that is known. It gives false when the
// caller wants no more.
func (t *teller) found(set []Address) bool {
	set = tidy(set)
	if t.told && t.fault == 0 && slices.Equal(set, t.known) {
		return true
	}
	t.known, t.told, t.fault = set, true, 0
	return t.yield(slices.Clone(set), nil)
}

// failed tells that nobody knows, once for each class in a row.
func (t *teller) failed(err error) bool {
	class := fault.ClassOf(err)
	if t.told && t.fault == class {
		return true
	}
	t.told, t.fault = true, class
	return t.yield(slices.Clone(t.known), err)
}
