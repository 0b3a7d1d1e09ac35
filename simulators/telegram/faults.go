package telegram

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
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
type FaultHandle struct {
	Fault
	server  *Server
	id      int64
	release chan struct{}
	once    sync.Once
	left    int // guarded by faultList.mu
	skip    int
	hits    int
}

// faultList is the script, oldest first; the first fault that matches a call meets it.
type faultList struct {
	mu     sync.Mutex
	list   []*FaultHandle
	lastID int64
}

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle {
	h := &FaultHandle{Fault: f, server: s, release: make(chan struct{}), left: f.Count, skip: f.Skip}
	if h.left == 0 {
		h.left = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.lastID++
	h.id = s.faults.lastID
	s.faults.list = append(s.faults.list, h)
	return h
}

// Hits counts the calls (or updates) the fault met so far.
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
func (l *faultList) take(method string, bot, chat int64) *FaultHandle {
	return l.match(bot, chat, func(h *FaultHandle) bool {
		return h.Kind != FaultDuplicate && (h.Method == "" || strings.EqualFold(h.Method, method))
	})
}

// takeDuplicate tells whether an update is to be queued twice.
func (l *faultList) takeDuplicate(bot, chat int64) bool {
	return l.match(bot, chat, func(h *FaultHandle) bool { return h.Kind == FaultDuplicate }) != nil
}

func (l *faultList) match(bot, chat int64, fits func(*FaultHandle) bool) *FaultHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.list {
		if !fits(h) || h.Bot != 0 && h.Bot != bot || h.Chat != 0 && h.Chat != chat {
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

// applyFault does what comes before the call is executed. With final, it is not executed at all.
func (s *Server) applyFault(h *FaultHandle) (o outcome, final bool) {
	s.feed.touch()
	o.fault = h.Kind
	switch h.Kind {
	case FaultTooManyRequests:
		o.err = tooMany(max(1, h.RetryAfter))
	case FaultBadGateway:
		o.html = true
	case FaultError:
		o.err = &apiError{code: h.Code, text: h.Description}
	case FaultDropBefore:
		o.cut = true
	case FaultDelay:
		if !s.hold(h) {
			o.err = errRestart
			return o, true
		}
		return o, false
	default:
		return o, false
	}
	return o, true
}

// hold waits out a delay. It tells false when the server closes meanwhile. A caller that hangs
// up does not end it: the public server executes what it has read.
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
