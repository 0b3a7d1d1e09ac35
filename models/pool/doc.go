// Package pool is a Client over several workers. It gives each conversation its version of
// the model, picks the worker, lets requests wait in a fair line while all are busy, begins
// again on another worker as long as nobody has seen anything of the answer, and leaves out
// those that fail.
//
//	snapshot (never changed) -> version -> lane (its line, index, measurements) -> workers
//
// What is known about workers and versions outlives a Reload. Requests keep the version
// that they were admitted to.
package pool
