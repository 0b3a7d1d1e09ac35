// Package alone is the engine of package cluster for a hub of one node: everything is in
// this process, and the lock on its data directory keeps a second one out.
package alone

// Engine is a cluster of one. Make it with New.
type Engine struct {
	leases
	members
	topic
	memory
	series
}

// New makes one. What it is told is forgotten with the process, except what a part was
// given a place for.
func New() *Engine {
	return &Engine{leases: newLeases(), members: newMembers(), memory: newMemory(), series: newSeries()}
}

// Close ends the engine.
func (e *Engine) Close() error { return e.forget() }
