// Package fleet knows how many model workers there are and how many there should be.
//
// A Source tells where the workers of a version are: a fixed list, the addresses of a DNS
// name, or the ready endpoints of services in Kubernetes. It gives the whole set each time
// it changes. Who cannot be asked changes nothing: a worker is taken away only by an answer
// that does not have it, for a resolver that is down says nothing about workers.
//
// Signals advise how many workers a pool should have, from what arrives, how long it
// takes, what the same hour of other weeks was like, and a Schedule of expected peaks.
package fleet
