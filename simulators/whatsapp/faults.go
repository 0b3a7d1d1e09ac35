package whatsapp

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultRateLimit refuses with Code (zero means 130429) and RetryAfter seconds.
	FaultRateLimit FaultKind = "rate_limit"
	// FaultError refuses with Status, Code and Message.
	FaultError FaultKind = "error"
	// FaultBadGateway answers 502 with an HTML page; the call is not executed.
	FaultBadGateway FaultKind = "bad_gateway"
	// FaultDropBefore closes the connection; the call is not executed.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter executes the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultDelay executes the call after Delay, or after Release when Delay is zero.
	FaultDelay FaultKind = "delay"
	// FaultFailLater takes a message and reports it as failed with Code.
	FaultFailLater FaultKind = "fail_later"
	// FaultReorder reports a message as delivered before it reports it as sent.
	FaultReorder FaultKind = "reorder"
	// FaultGarble changes a byte of a download.
	FaultGarble FaultKind = "garble"
	// FaultMediaURL gives URL as the address of a file.
	FaultMediaURL FaultKind = "media_url"
	// FaultDuplicate tells a notification twice. It meets notifications, not calls:
	// Endpoint does not matter.
	FaultDuplicate FaultKind = "duplicate"
)

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind
	// Endpoint (phone, messages, typing, media, media_info, download), Number and Person
	// say which calls it meets; empty means all.
	Endpoint string
	Number   string
	Person   string
	// Skip lets so many matching calls through first.
	Skip int
	// Count is how many calls it meets; zero means one, negative all until it is removed.
	Count int
	// RetryAfter is in seconds; zero for none.
	RetryAfter int
	Delay      time.Duration
	// Status, Code and Message are the answer.
	Status  int
	Code    int
	Message string
	URL     string
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

// take finds the fault that meets a call.
func (l *faultList) take(endpoint, number, person string) *FaultHandle {
	return l.match(number, person, func(h *FaultHandle) bool {
		return h.Kind != FaultDuplicate && (h.Endpoint == "" || h.Endpoint == endpoint)
	})
}

// takeDuplicate tells whether a notification is to be told twice.
func (l *faultList) takeDuplicate(number, person string) bool {
	return l.match(number, person, func(h *FaultHandle) bool { return h.Kind == FaultDuplicate }) != nil
}

func (l *faultList) match(number, person string, fits func(*FaultHandle) bool) *FaultHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.list {
		if !fits(h) || h.Number != "" && h.Number != number || h.Person != "" && h.Person != person {
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

// applyFault does what comes before a call is executed. With final, it is not executed at all.
func (s *Server) applyFault(h *FaultHandle) (o outcome, final bool) {
	s.feed.touch()
	o.fault = h.Kind
	switch h.Kind {
	case FaultRateLimit:
		code := h.Code
		if code == 0 {
			code = 130429
		}
		o.err = &apiError{status: http.StatusBadRequest, code: code, message: "Rate limit hit", retryAfter: h.RetryAfter}
	case FaultError:
		o.err = &apiError{status: h.Status, code: h.Code, message: h.Message, retryAfter: h.RetryAfter}
	case FaultBadGateway:
		o.html = true
	case FaultDropBefore:
		o.cut = true
	case FaultDelay:
		if !s.hold(h) {
			o.cut = true
			return o, true
		}
		return o, false
	default:
		return o, false
	}
	return o, true
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
