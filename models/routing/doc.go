// Package routing says which worker of a pool a request goes to. It knows how busy and
// how fast the workers are, and by an approximate index which of them has computed how
// much of a prompt before.
//
// Everything here is pure: no goroutines, no clock, and chance only through a seam.
// Read may be called by anyone at any time. A Policy and its Index belong to one
// version of a model and are not safe for concurrent use: the pool calls them under
// its lock.
package routing
