package sqliteq

import (
	"container/heap"
	"time"
)

// alarms orders mailboxes by when the clock rings for them.
type alarms []*mailbox

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

// Push is for package heap.
func (a *alarms) Push(x any) {
	mb, _ := x.(*mailbox)
	mb.place = len(*a)
	*a = append(*a, mb)
}

// Pop is for package heap.
func (a *alarms) Pop() any {
	last := len(*a) - 1
	mb := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	mb.place = -1
	return mb
}

// ring makes the clock ring for a mailbox at a time.
func (e *Engine) ring(mb *mailbox, at time.Time) {
	e.unring(mb)
	mb.due = at
	heap.Push(&e.alarms, mb)
	if mb.place == 0 {
		select {
		case e.rewind <- struct{}{}:
		default:
		}
	}
}

func (e *Engine) unring(mb *mailbox) {
	if mb.place >= 0 {
		heap.Remove(&e.alarms, mb.place)
	}
}

// runClock ends waits and leases when their time has come.
func (e *Engine) runClock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-e.closing:
			return
		case <-e.rewind:
		case <-timer.C:
		}
		timer.Reset(e.ringDue())
	}
}

// ringDue rings for all that are due and gives the time until the next.
func (e *Engine) ringDue() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.alarms) > 0 {
		mb := e.alarms[0]
		if wait := time.Until(mb.due); wait > 0 {
			return wait
		}
		e.unring(mb)
		switch mb.state {
		case delayed:
			e.arrange(mb)
		case leased:
			e.lapse(mb)
		case idle, ready:
		}
	}
	return time.Hour
}

// lapse takes a mailbox from a holder that fell silent. Its taking stays counted.
func (e *Engine) lapse(mb *mailbox) {
	mb.lease.cancel(stale("lease"))
	mb.turns = 0
	e.log.Warn().Str("box", string(mb.box.name)).Int64("mailbox", mb.id).Msg("lease lapsed")
	e.release(mb)
}
