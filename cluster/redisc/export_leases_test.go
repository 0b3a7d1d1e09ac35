package redisc

import (
	"time"

	"github.com/parley-hub/parley/cluster"
)

// Silence ends all beats, as where the process stands still.
func (e *Engine) Silence() { e.unbeaten.Store(true) }

// Pass lets a lease's time pass without that any timer fires, as for a process that was
// stopped and goes on.
func Pass(l cluster.Lease) {
	one, _ := l.(*lease)
	one.mu.Lock()
	defer one.mu.Unlock()
	one.until = time.Now()
}

// SetClock gives the node another clock.
func (e *Engine) SetClock(now func() time.Time) { e.clock = now }
