// Package alone is the engine of package cluster for a hub of one node: everything is in
// this process, and the lock on its data directory keeps a second one out.
package alone
