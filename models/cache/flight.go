package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// flight is one answer on its way, for all who asked for it.
type flight struct {
	cancel context.CancelFunc

	mu     sync.Mutex
	deltas []models.Delta
	// start is where the answer begins: behind the last Reset.
	start int
	err   error
	over  bool
	// more is closed when there is more; nil while nobody waits.
	more chan struct{}
	// paid is true once somebody has the usage.
	paid bool
	// followers read it; alone is true for one that goes on without any, left when all
	// have given it up.
	followers   map[*follower]struct{}
	alone, left bool
}

// follower is one who asked.
type follower struct {
	shown   func() bool
	yielded bool
}

// join adds a follower. It gives false when the answer is over, or given up since the
// last one left: only what is kept is given again.
func (f *flight) join(w *follower) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left || f.over {
		return false
	}
	f.followers[w] = struct{}{}
	return true
}

// leave takes a follower out; the last one ends the work.
func (f *flight) leave(w *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.followers, w)
	if len(f.followers) == 0 && !f.alone && !f.over {
		f.left = true
		f.cancel()
	}
}

// add gives a delta to all.
func (f *flight) add(d models.Delta) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d.Reset {
		f.start = len(f.deltas)
	}
	f.deltas = append(f.deltas, d)
	f.wake()
}

// end gives all the end, err nil for a good one.
func (f *flight) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over, f.err = true, err
	f.wake()
}

// wake is called with the lock.
func (f *flight) wake() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// shown tells whether a person has seen any of it.
func (f *flight) shown() bool {
	f.mu.Lock()
	asks := make([]func() bool, 0, len(f.followers))
	seen := false
	for w := range f.followers {
		if w.shown != nil {
			asks = append(asks, w.shown)
		} else {
			seen = seen || w.yielded
		}
	}
	f.mu.Unlock()
	for _, ask := range asks {
		seen = seen || ask()
	}
	return seen
}

// follow yields the answer, what there is of it and what comes, to its end.
func (f *flight) follow(ctx context.Context, w *follower, yield func(models.Delta, error) bool) {
	defer f.leave(w)
	f.mu.Lock()
	next := f.start
	f.mu.Unlock()
	for {
		d, more, err := f.at(next, w)
		switch {
		case err != nil:
			yield(models.Delta{}, err)
			return
		case more == nil && d == nil:
			return
		case d != nil:
			next++
			if !yield(*d, nil) {
				return
			}
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			yield(models.Delta{}, fault.New(fault.Retryable, "chat", ctx.Err()))
			return
		}
	}
}

// at gives delta number next, or what to wait for; neither at the end.
func (f *flight) at(next int, w *follower) (*models.Delta, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case next < len(f.deltas):
		w.yielded = true
		d := f.bill(f.deltas[next])
		return &d, nil, nil
	case f.over:
		return nil, nil, f.err
	}
	if f.more == nil {
		f.more = make(chan struct{})
	}
	return nil, f.more, nil
}

// bill lets the usage be paid by one. To all others it is saved. It is called with the
// lock.
func (f *flight) bill(d models.Delta) models.Delta {
	if d.Usage == nil || d.Saved != nil {
		return d
	}
	if f.paid {
		d.Saved, d.Usage = d.Usage, &models.Usage{}
	}
	f.paid = true
	return d
}

// run has an answer given by what streams it. A panic there is everybody's fault, but
// not the process's end.
func (f *flight) run(stream func() error) {
	defer func() {
		if p := recover(); p != nil {
			f.end(fault.New(fault.Bug, "chat", fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
		}
	}()
	f.end(stream())
}
