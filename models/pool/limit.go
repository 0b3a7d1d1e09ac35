package pool

import (
	"time"

	"github.com/parley-hub/parley/models"
)

const (
	// A worker that is not known to have so many slots is learned: its limit grows by one
	// for each limitful of answers that began as soon as alone, and shrinks by a third
	// when one took lateTimes as long, and noticeably so.
	limitShrinks = 0.7
	lateTimes    = 2
	lateLeast    = 250 * time.Millisecond
	// limitMost is more than a server has that does not tell.
	limitMost = 256
)

// limit is how many answers a worker works on at a time, as far as its first contents
// tell: who waits for a slot inside of it begins late.
type limit struct {
	slots float64
	// alone is how long first contents took with little else under way.
	alone pace
	// shrunk is when it last became smaller: what was sent before says nothing new.
	shrunk time.Time
}

func newLimit() limit { return limit{slots: models.DefaultSlots} }

// learn takes an answer's first content, which came took behind its dispatch at began,
// with so many tokens to compute and so many requests there before it.
func (m *limit) learn(began time.Time, took time.Duration, uncached, before int) {
	if 4*before < int(m.slots) || before == 0 {
		m.alone.add(uncached, took)
		return
	}
	usual := m.alone.of(uncached)
	switch {
	case usual == 0:
	case took > lateTimes*usual && took > usual+lateLeast:
		m.shrink(began)
	case before+1 >= int(m.slots):
		m.slots = min(m.slots+1/m.slots, limitMost)
	}
}

// shrink makes it smaller, once for all that were sent before it last did.
func (m *limit) shrink(began time.Time) {
	if began.After(m.shrunk) {
		m.slots, m.shrunk = max(m.slots*limitShrinks, 1), time.Now()
	}
}
