package telegram

import (
	"strings"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultTooManyRequests answers 429 with RetryAfter seconds; the call is not executed.
	FaultTooManyRequests FaultKind = "too_many_requests"
	// FaultBadGateway answers 502 with an HTML page; the call is not executed.
	FaultBadGateway FaultKind = "bad_gateway"
	// FaultError answers with Code and Description; the call is not executed.
	FaultError FaultKind = "error"
	// FaultDropBefore closes the connection; the call is not executed.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter executes the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultDelay executes the call after Delay, or after Release when Delay is zero.
	FaultDelay FaultKind = "delay"
	// FaultDuplicate queues an update twice under one update_id. It meets updates, not calls:
	// Method does not matter.
	FaultDuplicate FaultKind = "duplicate_update"
)

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Method, Bot and Chat say which calls it meets; empty and zero mean all. The case of the
	// method does not matter.
	Method string `json:"method,omitempty"`
	Bot    int64  `json:"bot,omitempty"`
	Chat   int64  `json:"chat,omitempty"`
	// Skip lets so many matching calls through first.
	Skip int `json:"skip,omitempty"`
	// Count is how many calls it meets; zero means one, negative all until it is removed.
	Count int `json:"count,omitempty"`
	// RetryAfter is in seconds, for FaultTooManyRequests; zero means one.
	RetryAfter int `json:"retry_after,omitempty"`
	// Delay is how long FaultDelay holds a call, in nanoseconds on the wire of the control API.
	Delay time.Duration `json:"delay,omitempty"`
	// Code and Description are the answer of FaultError; the description is sent as it stands.
	Code        int    `json:"code,omitempty"`
	Description string `json:"description,omitempty"`
}

// FaultHandle is an injected fault.
type FaultHandle = simulators.Injected[Fault]

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle { return s.faults.Add(f, f.Skip, f.Count) }

// take finds the fault that meets a call.
func (s *Server) take(method string, bot, chat int64) *FaultHandle {
	return s.faults.Take(func(f Fault) bool {
		return f.Kind != FaultDuplicate && (f.Method == "" || strings.EqualFold(f.Method, method)) && f.in(bot, chat)
	})
}

// takeDuplicate tells whether an update is to be queued twice.
func (s *Server) takeDuplicate(bot, chat int64) bool {
	return s.faults.Take(func(f Fault) bool { return f.Kind == FaultDuplicate && f.in(bot, chat) }) != nil
}

func (f Fault) in(bot, chat int64) bool {
	return (f.Bot == 0 || f.Bot == bot) && (f.Chat == 0 || f.Chat == chat)
}

// applyFault does what comes before the call is executed. With final, it is not executed at all.
func (s *Server) applyFault(h *FaultHandle) (o outcome, final bool) {
	f := h.Fault
	o.fault = f.Kind
	switch f.Kind {
	case FaultTooManyRequests:
		o.err = tooMany(max(1, f.RetryAfter))
	case FaultBadGateway:
		o.html = true
	case FaultError:
		o.err = &apiError{code: f.Code, text: f.Description}
	case FaultDropBefore:
		o.cut = true
	case FaultDelay:
		if !h.Hold(s.ctx, f.Delay) {
			o.err = errRestart
			return o, true
		}
		return o, false
	default:
		return o, false
	}
	return o, true
}
