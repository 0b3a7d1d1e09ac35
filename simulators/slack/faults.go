package slack

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
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
type FaultHandle struct {
	Fault
	server  *Server
	release chan struct{}
	once    sync.Once
	left    int // guarded by faultList.mu
	skip    int
	hits    int
}

// faultList is the script, oldest first; the first fault that matches meets a call.
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

// ofDelivery tells which faults meet deliveries.
func (k FaultKind) ofDelivery() bool {
	return k == FaultDuplicate || k == FaultLoseAck || k == FaultReorder
}

// takeCall finds the fault that meets a call.
func (l *faultList) takeCall(method, channel string) *FaultHandle {
	return l.match(channel, func(h *FaultHandle) bool {
		return !h.Kind.ofDelivery() && (h.Method == "" || strings.EqualFold(h.Method, method))
	})
}

// takeDelivery tells whether a fault of the kind meets a delivery.
func (l *faultList) takeDelivery(kind FaultKind, channel string) bool {
	return l.match(channel, func(h *FaultHandle) bool { return h.Kind == kind }) != nil
}

func (l *faultList) match(channel string, fits func(*FaultHandle) bool) *FaultHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.list {
		if !fits(h) || h.Channel != "" && h.Channel != channel {
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

// hold waits out a delay. It tells false when the server closes meanwhile. A caller
// that hangs up does not end it: the public server executes what it has read.
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
