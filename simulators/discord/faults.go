package discord

import (
	"time"

	"github.com/parley-hub/parley/simulators"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultRateLimit answers 429 with Scope and RetryAfter; the call is not executed.
	FaultRateLimit FaultKind = "rate_limit"
	// FaultBlocked answers 429 with an HTML page, as Discord's edge does.
	FaultBlocked FaultKind = "blocked"
	// FaultError answers with Status, Code and Message; the call is not executed.
	FaultError FaultKind = "error"
	// FaultUnavailable answers 503 with an HTML page; the call is not executed.
	FaultUnavailable FaultKind = "unavailable"
	// FaultErrorAfter executes the call and answers with Status (zero: 500).
	FaultErrorAfter FaultKind = "error_after"
	// FaultDropBefore closes the connection; the call is not executed.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter executes the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultDelay executes the call after Delay, or after Release when Delay is zero.
	FaultDelay FaultKind = "delay"
	// FaultDuplicate dispatches an event of the channel twice.
	FaultDuplicate FaultKind = "duplicate_event"
	// FaultSilent leaves a gateway connection without HELLO.
	FaultSilent FaultKind = "silent_socket"
	// FaultNoAck leaves the heartbeats of a gateway connection without acknowledgement.
	FaultNoAck FaultKind = "no_ack"
)

// onCalls tells whether a fault meets REST calls.
func (k FaultKind) onCalls() bool {
	return k != FaultDuplicate && k != FaultSilent && k != FaultNoAck
}

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Call and Channel say which calls it meets; empty means all. The names of calls are those
	// in Calls ("create_message").
	Call    string `json:"call,omitempty"`
	Channel string `json:"channel,omitempty"`
	// Skip lets so many matching calls through first.
	Skip int `json:"skip,omitempty"`
	// Count is how many calls it meets; zero means one, negative all until it is removed.
	Count int `json:"count,omitempty"`
	// Scope is user (default), shared or global; RetryAfter is in seconds, zero means one.
	Scope      string  `json:"scope,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"`
	// Delay is how long FaultDelay holds a call.
	Delay time.Duration `json:"delay,omitempty"`
	// Status, Code and Message are the answer of FaultError.
	Status  int    `json:"status,omitempty"`
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// FaultHandle is an injected fault.
type FaultHandle = simulators.Injected[Fault]

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle { return s.faults.Add(f, f.Skip, f.Count) }

// takeKind tells whether a fault that is not about calls is met.
func (s *Server) takeKind(kind FaultKind, channel string) bool {
	return s.faults.Take(func(f Fault) bool { return f.Kind == kind && (f.Channel == "" || f.Channel == channel) }) != nil
}
