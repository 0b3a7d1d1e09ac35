package models

import (
	"maps"
	"slices"
	"sync/atomic"
)

// Registry holds the clients that answer, by the name of their pool, and says which of
// them does. What it offers can be exchanged while it is asked; it is safe for concurrent
// use. The zero value offers nothing.
type Registry struct{ offer atomic.Pointer[Offer] }

// Offer is what a Registry holds at a time.
type Offer struct {
	// Default names the pool for requests that name none.
	Default string
	Pools   map[string]Client
	// Skills and Accounts have pools of their own, by their names.
	Skills, Accounts map[string]string
	// Roles are who may choose a pool for a conversation, by its name. Admins may choose
	// any.
	Roles map[string][]string
}

// NewRegistry holds pools; fallback names the one for requests that name none.
func NewRegistry(fallback string, pools map[string]Client) *Registry {
	r := &Registry{}
	r.Offer(Offer{Default: fallback, Pools: maps.Clone(pools)})
	return r
}

// Offer exchanges all that is offered, at once. Who has a client already keeps it. o is
// not changed after.
func (r *Registry) Offer(o Offer) { r.offer.Store(&o) }

func (r *Registry) now() *Offer {
	if o := r.offer.Load(); o != nil {
		return o
	}
	return &Offer{}
}

// Client gives the pool of that name, or the default one for the empty name. ok
// is false when there is none.
func (r *Registry) Client(name string) (c Client, ok bool) {
	o := r.now()
	if name == "" {
		name = o.Default
	}
	c, ok = o.Pools[name]
	return c, ok
}

// Sees tells whether the model of that pool, or of the default one for the empty name,
// sees pictures.
func (r *Registry) Sees(name string) bool {
	c, ok := r.Client(name)
	p, tells := c.(interface{ Vision() bool })
	return ok && tells && p.Vision()
}

// Calls tells whether the model of that pool, or of the default one for the empty name, calls
// tools.
func (r *Registry) Calls(name string) bool {
	c, ok := r.Client(name)
	p, tells := c.(interface{ Tools() bool })
	return ok && tells && p.Tools()
}

// Default is the name of the default pool.
func (r *Registry) Default() string { return r.now().Default }

// Names lists the pools in alphabetical order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.now().Pools)) }

// Workers lists the workers of every pool, pool by pool. Clients that have no
// workers add none.
func (r *Registry) Workers() []WorkerStatus {
	var all []WorkerStatus
	o := r.now()
	for _, name := range slices.Sorted(maps.Keys(o.Pools)) {
		if p, ok := o.Pools[name].(interface{ Workers() []WorkerStatus }); ok {
			all = append(all, p.Workers()...)
		}
	}
	return all
}

// Versions lists the versions of every pool, pool by pool.
func (r *Registry) Versions() []VersionStatus {
	var all []VersionStatus
	o := r.now()
	for _, name := range slices.Sorted(maps.Keys(o.Pools)) {
		if p, ok := o.Pools[name].(interface{ Versions() []VersionStatus }); ok {
			all = append(all, p.Versions()...)
		}
	}
	return all
}
