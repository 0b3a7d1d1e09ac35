package simulators

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Bell is how a Script tells that a fault was met, and waits for it: a Feed.
type Bell interface {
	Touch()
	Wait(ctx context.Context, cond func() bool) error
}

// Script is the list of injected faults, oldest first: the first one that matches is met. F says
// what goes wrong and where, which only the server knows. All methods are safe for concurrent
// use and take no lock but the script's and the bell's.
type Script[F any] struct {
	bell Bell

	mu     sync.Mutex
	faults []*Injected[F]
	lastID int64
}

// NewScript makes an empty script.
func NewScript[F any](bell Bell) *Script[F] { return &Script[F]{bell: bell} }

// Injected is a fault of a script.
type Injected[F any] struct {
	// Fault is what was injected.
	Fault F

	script  *Script[F]
	id      int64
	release chan struct{}
	once    sync.Once

	// script.mu guards these.
	skip, left, hits int
}

// Add puts a fault behind those there are. It lets skip matches through first and is met count
// times after that: zero means once, negative until it is removed.
func (s *Script[F]) Add(fault F, skip, count int) *Injected[F] {
	if count == 0 {
		count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	h := &Injected[F]{Fault: fault, script: s, id: s.lastID, release: make(chan struct{}), skip: skip, left: count}
	s.faults = append(s.faults, h)
	return h
}

// Take gives the first fault that matches and counts the hit; nil when there is none. matches
// must not use the script.
func (s *Script[F]) Take(matches func(F) bool) *Injected[F] {
	h := s.take(matches)
	if h != nil {
		s.bell.Touch()
	}
	return h
}

func (s *Script[F]) take(matches func(F) bool) *Injected[F] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, h := range s.faults {
		if !matches(h.Fault) {
			continue
		}
		if h.skip > 0 {
			h.skip--
			continue
		}
		h.hits++
		if h.left > 0 {
			if h.left--; h.left == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return h
	}
	return nil
}

// ID tells the faults of a script apart. The first has 1.
func (h *Injected[F]) ID() int64 { return h.id }

// Hits counts what the fault met so far.
func (h *Injected[F]) Hits() int {
	h.script.mu.Lock()
	defer h.script.mu.Unlock()
	return h.hits
}

// WaitHits returns nil once the fault was met n times. When ctx ends first, its error is
// returned; when the server closes first, ErrClosed.
func (h *Injected[F]) WaitHits(ctx context.Context, n int) error {
	return h.script.bell.Wait(ctx, func() bool { return h.Hits() >= n })
}

// Release lets go of what Hold holds, now and later. It may be called again.
func (h *Injected[F]) Release() { h.once.Do(func() { close(h.release) }) }

// Remove takes the fault out of the script and releases what it holds.
func (h *Injected[F]) Remove() {
	h.script.mu.Lock()
	h.script.faults = slices.DeleteFunc(h.script.faults, func(o *Injected[F]) bool { return o == h })
	h.script.mu.Unlock()
	h.Release()
}

// Hold waits for delay, or until Release when delay is zero. It tells false when ctx ends
// meanwhile. ctx is the server's, not the caller's: a caller that hangs up does not end it, since
// a public server executes what it has read.
func (h *Injected[F]) Hold(ctx context.Context, delay time.Duration) bool {
	var after <-chan time.Time
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-after:
	case <-h.release:
	case <-ctx.Done():
		return false
	}
	return true
}
