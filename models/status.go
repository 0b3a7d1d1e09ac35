package models

import "time"

// State is what a pool thinks of a worker.
type State string

// The states.
const (
	// StateNew: neither a probe nor a request has reached it yet. It gets requests
	// only when no ready worker can take them.
	StateNew State = "new"
	// StateWarming: it was reached, and loads its model or reads its first prompt. It
	// gets no requests.
	StateWarming State = "warming"
	// StateReady: it answers.
	StateReady State = "ready"
	// StateDegraded: it answers, but fails often, is slow beside the others, or asked
	// for patience. It gets a quarter of its share.
	StateDegraded State = "degraded"
	// StateOpen: it failed too often to be asked, until its back-off is over.
	StateOpen State = "open"
	// StateProbing: its back-off is over, and a few requests try whether it is well.
	StateProbing State = "probing"
	// StateDraining: it left the configuration and finishes what it has begun.
	StateDraining State = "draining"
	// StateConfigError: it refuses our key; a person must put that right.
	StateConfigError State = "config_error"
)

// WorkerStatus is a worker seen from outside.
type WorkerStatus struct {
	Pool, Version, Name, Model string
	State                      State
	// Due tells that an open worker answers probes again: its next request is its trial.
	Due             bool
	InFlight, Slots int
	// Others are the requests of others, by what its server says about its load.
	Others int
	// WaitUntil is when it may be asked again after it asked for patience; zero for none.
	WaitUntil time.Time
	// Err is what went wrong last; nil since it answered.
	Err error
}

// VersionStatus is a version of a pool seen from outside.
type VersionStatus struct {
	Pool, Name, Model string
	// Weight is its share now: 0 after it was rolled back.
	Weight int
	// RolledBack says why its weight was taken from it; "" when it was not.
	RolledBack string
	// Queued is how many requests wait for a worker, QueuedTokens what they may cost.
	Queued, QueuedTokens int
	// Wait is how long one that comes now is likely to wait; 0 while nobody does.
	Wait time.Duration
}
