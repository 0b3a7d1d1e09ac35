package modeltest

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// SetSpeed makes the worker x times as fast as its options say, from the next token
// on: 0.25 is a worker four times too slow. x must be above 0.
func (w *Worker) SetSpeed(x float64) {
	if x <= 0 {
		panic("modeltest: a worker's speed must be above 0")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.speed = x
}

// stretch gives what a piece of work takes at the present speed.
func (w *Worker) stretch(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(float64(d) / w.speed)
}

// enterSlot waits for a slot. It is false when there is none to wait for or the client
// has left.
func (q *request) enterSlot() bool {
	w := q.worker
	turn, full := w.joinLine()
	if full {
		writeError(q.rw, http.StatusServiceUnavailable, "overloaded", "server busy")
		return false
	}
	if turn != nil {
		select {
		case <-turn:
		case <-q.r.Context().Done():
			q.inSlot = !w.quitLine(turn)
			return false
		}
	}
	q.inSlot = true
	return true
}

// joinLine takes a free slot, or gives the channel that is closed when it is this
// request's turn.
func (w *Worker) joinLine() (turn chan struct{}, full bool) {
	w.count(func(c *Counts) {
		if w.o.Slots == 0 || c.Running < w.o.Slots {
			c.Running++
			return
		}
		if full = w.o.Queue > 0 && c.Waiting >= w.o.Queue; full {
			return
		}
		turn = make(chan struct{})
		w.line = append(w.line, turn)
		c.Waiting++
		c.MaxWaiting = max(c.MaxWaiting, c.Waiting)
	})
	return turn, full
}

// quitLine is false when the turn had come.
func (w *Worker) quitLine(turn chan struct{}) (stood bool) {
	w.count(func(c *Counts) {
		i := slices.Index(w.line, turn)
		if stood = i >= 0; stood {
			w.line = slices.Delete(w.line, i, i+1)
			c.Waiting--
		}
	})
	return stood
}

// leaveSlot gives the slot to the next in line.
func (q *request) leaveSlot() {
	if !q.inSlot {
		return
	}
	q.inSlot = false
	w := q.worker
	w.count(func(c *Counts) {
		if len(w.line) == 0 {
			c.Running--
			return
		}
		close(w.line[0])
		w.line = w.line[1:]
		c.Waiting--
	})
}

// pace is the time of one answer. It goes by the clock, not by the last wait, so that
// a late timer makes no worker slower than it says.
type pace struct {
	due time.Time
}

// take waits until this much more work is done; false when the client has left.
func (p *pace) take(ctx context.Context, work time.Duration) bool {
	if p.due.IsZero() {
		p.due = time.Now()
	}
	p.due = p.due.Add(work)
	if wait := time.Until(p.due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
