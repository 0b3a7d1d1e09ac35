// Package models is the pool of model workers.
//
// A Client answers chat requests with a stream of deltas. A worker's protocol is
// a Client (openaichat); a Pool is a Client over several workers; so is the
// offline model that answers when there is none. Clients are immutable and safe
// for concurrent use.
package models
