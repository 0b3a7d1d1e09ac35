package models

import "time"

// State is what a pool thinks of a worker.
type State string

// The states.
const (
	// StateNew: neither a probe nor a request has reached it yet. It gets requests
	// only when no ready worker can take them.
	StateNew State = "new"
	// StateReady: it answers.
	StateReady State = "ready"
	// StateOpen: it failed three times in a row. It gets one request each time its
	// back-off is over, and is ready again when that one is answered.
	StateOpen State = "open"
)

// WorkerStatus is a worker seen from outside.
type WorkerStatus struct {
	Pool, Name, Model string
	State             State
	// Due tells that an open worker answers probes again: its next request is its trial.
	Due             bool
	InFlight, Slots int
	// WaitUntil is when it may be asked again after it asked for patience; zero for none.
	WaitUntil time.Time
	// Alive is when it last sent a token or answered a probe; zero for never.
	Alive time.Time
	// Err is what went wrong last; nil since it answered.
	Err error
}
