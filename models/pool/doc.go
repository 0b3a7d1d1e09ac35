// Package pool is a Client over several workers that serve the same model: it picks
// the worker, begins again on another one as long as nobody has seen anything of the
// answer, and leaves out those that fail.
package pool
