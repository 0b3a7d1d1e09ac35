package slack

import (
	"strings"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults. All but the last three meet calls of the Web API.
const (
	// FaultTooManyRequests answers 429 with RetryAfter seconds; the call is not executed.
	FaultTooManyRequests FaultKind = "too_many_requests"
	// FaultServerError answers 503 with a page; the call is not executed.
	FaultServerError FaultKind = "server_error"
	// FaultServerErrorAfter executes the call and answers 500 with a page.
	FaultServerErrorAfter FaultKind = "server_error_after"
	// FaultError answers ok false with Error (and Needed); the call is not executed.
	FaultError FaultKind = "error"
	// FaultDropBefore closes the connection; the call is not executed.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter executes the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultDelay executes the call after Delay, or after Release when Delay is zero.
	FaultDelay FaultKind = "delay"
	// FaultDuplicate makes a delivery twice, with one event id.
	FaultDuplicate FaultKind = "duplicate"
	// FaultLoseAck loses an acknowledgement: the delivery is made again.
	FaultLoseAck FaultKind = "lose_ack"
	// FaultReorder lets the delivery behind it in its channel go first.
	FaultReorder FaultKind = "reorder"
)

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Method and Channel say what it meets; empty means everything. Deliveries have no
	// method.
	Method  string `json:"method,omitempty"`
	Channel string `json:"channel,omitempty"`
	// Skip lets so many matching calls through first.
	Skip int `json:"skip,omitempty"`
	// Count is how many calls it meets; zero means one, negative all until it is removed.
	Count int `json:"count,omitempty"`
	// RetryAfter is in seconds, for FaultTooManyRequests; zero means one, negative that
	// the answer does not say.
	RetryAfter int `json:"retry_after,omitempty"`
	// Delay is how long FaultDelay holds a call, in nanoseconds on the wire.
	Delay time.Duration `json:"delay,omitempty"`
	// Error is the code of FaultError, Needed the scope that is missing.
	Error  string `json:"error,omitempty"`
	Needed string `json:"needed,omitempty"`
}

// FaultHandle is an injected fault.
type FaultHandle = simulators.Injected[Fault]

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle { return s.faults.Add(f, f.Skip, f.Count) }

// takeCall finds the fault that meets a call.
func (s *Server) takeCall(method, channel string) *FaultHandle {
	return s.faults.Take(func(f Fault) bool {
		return !f.Kind.ofDelivery() && (f.Method == "" || strings.EqualFold(f.Method, method)) && (f.Channel == "" || f.Channel == channel)
	})
}

// takeDelivery tells whether a fault of the kind meets a delivery.
func (s *Server) takeDelivery(kind FaultKind, channel string) bool {
	return s.faults.Take(func(f Fault) bool { return f.Kind == kind && (f.Channel == "" || f.Channel == channel) }) != nil
}

// ofDelivery tells which faults meet deliveries.
func (k FaultKind) ofDelivery() bool {
	return k == FaultDuplicate || k == FaultLoseAck || k == FaultReorder
}
