// Package cluster is what the nodes of one hub share besides mailboxes (package queue)
// and records: who holds what must be single, who is there, how much may be called,
// and what is told to all of them and kept by none.
//
// It has two engines: alone for a single node, and redisc on Redis for any number. Each
// part of the contract is a small interface of its own, so that who needs one part knows
// nothing of the others; package clustertest holds the engines to it.
package cluster
