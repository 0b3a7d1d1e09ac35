package models

import (
	"maps"
	"slices"
)

// Registry holds the clients that answer, by the name of their pool. It is
// immutable and safe for concurrent use.
type Registry struct {
	fallback string
	pools    map[string]Client
}

// NewRegistry holds pools; fallback names the one for requests that name none.
func NewRegistry(fallback string, pools map[string]Client) *Registry {
	return &Registry{fallback: fallback, pools: maps.Clone(pools)}
}

// Client gives the pool of that name, or the default one for the empty name. ok
// is false when there is none.
func (r *Registry) Client(name string) (c Client, ok bool) {
	if name == "" {
		name = r.fallback
	}
	c, ok = r.pools[name]
	return c, ok
}

// Sees tells whether the model of that pool, or of the default one for the empty name,
// sees pictures.
func (r *Registry) Sees(name string) bool {
	c, ok := r.Client(name)
	p, tells := c.(interface{ Vision() bool })
	return ok && tells && p.Vision()
}

// Default is the name of the default pool.
func (r *Registry) Default() string { return r.fallback }

// Names lists the pools in alphabetical order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.pools)) }

// Workers lists the workers of every pool, pool by pool. Clients that have no
// workers add none.
func (r *Registry) Workers() []WorkerStatus {
	var all []WorkerStatus
	for _, name := range r.Names() {
		if p, ok := r.pools[name].(interface{ Workers() []WorkerStatus }); ok {
			all = append(all, p.Workers()...)
		}
	}
	return all
}

// Versions lists the versions of every pool, pool by pool.
func (r *Registry) Versions() []VersionStatus {
	var all []VersionStatus
	for _, name := range r.Names() {
		if p, ok := r.pools[name].(interface{ Versions() []VersionStatus }); ok {
			all = append(all, p.Versions()...)
		}
	}
	return all
}
