// Package alone is the engine of package cluster for a hub of one node: everything is in
// this process, and the lock on its data directory keeps a second one out.
package alone

// Engine is a cluster of one. Make it with New.
type Engine struct {
	leases
	members
	topic
}

// New makes one.
func New() *Engine {
	return &Engine{leases: newLeases(), members: newMembers()}
}
