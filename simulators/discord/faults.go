package discord

import (
	"context"
	"slices"
	"sync"
	"time"
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
type FaultHandle struct {
	Fault
	server  *Server
	release chan struct{}
	once    sync.Once
	left    int // guarded by faultList.mu
	skip    int
	hits    int
}

// faultList is the script, oldest first; the first fault that matches a call meets it.
type faultList struct {
	mu   sync.Mutex
	list []*FaultHandle
}

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle {
	h := &FaultHandle{Fault: f, server: s, release: make(chan struct{}), left: f.Count, skip: f.Skip}
	if h.left == 0 {
		h.left = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, h)
	return h
}

// Hits counts what the fault met so far.
func (h *FaultHandle) Hits() int {
	h.server.faults.mu.Lock()
	defer h.server.faults.mu.Unlock()
	return h.hits
}

// WaitHits returns nil once the fault met n calls.
func (h *FaultHandle) WaitHits(ctx context.Context, n int) error {
	return h.server.Wait(ctx, func() bool { return h.Hits() >= n })
}

// Release lets go of the calls that FaultDelay holds, now and later.
func (h *FaultHandle) Release() { h.once.Do(func() { close(h.release) }) }

// Remove takes the fault out of the script and releases what it holds.
func (h *FaultHandle) Remove() {
	h.server.faults.mu.Lock()
	h.server.faults.list = slices.DeleteFunc(h.server.faults.list, func(o *FaultHandle) bool { return o == h })
	h.server.faults.mu.Unlock()
	h.Release()
}

// take finds the fault that meets something.
func (l *faultList) take(matches func(*FaultHandle) bool) *FaultHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.list {
		if !matches(h) {
			continue
		}
		if h.skip > 0 {
			h.skip--
			continue
		}
		h.hits++
		if h.left > 0 {
			if h.left--; h.left == 0 {
				l.list = slices.Delete(l.list, i, i+1)
			}
		}
		return h
	}
	return nil
}

// takeKind finds a fault that is not about calls.
func (s *Server) takeKind(kind FaultKind, channel string) *FaultHandle {
	h := s.faults.take(func(h *FaultHandle) bool {
		return h.Kind == kind && (h.Channel == "" || h.Channel == channel)
	})
	if h != nil {
		s.feed.touch()
	}
	return h
}

// hold waits out a delay. It tells false when the server closes meanwhile.
func (s *Server) hold(h *FaultHandle) bool {
	var after <-chan time.Time
	if h.Delay > 0 {
		t := time.NewTimer(h.Delay)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-after:
	case <-h.release:
	case <-s.ctx.Done():
		return false
	}
	return true
}
