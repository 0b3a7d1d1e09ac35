package admission

import (
	"math"
	"time"
)

const (
	// drainWindow is how far back the line's speed is measured.
	drainWindow = 10 * time.Second
	// The bounds of an estimated wait: sooner is not worth a try, and later than a
	// minute nobody can tell.
	minWait, maxWait = time.Second, time.Minute
)

// meter measures tokens a second; what is older counts ever less.
type meter struct {
	sum float64
	at  time.Time
}

func (m *meter) add(now time.Time, tokens float64) {
	m.sum = m.left(now) + tokens
	m.at = now
}

func (m *meter) left(now time.Time) float64 {
	return m.sum * math.Exp(-float64(now.Sub(m.at))/float64(drainWindow))
}

// wait is how long the line needs to empty, as fast as it was of late.
func (l *Line) wait() time.Duration {
	rate := l.drain.left(l.o.Now()) / drainWindow.Seconds()
	if rate <= 0 {
		return maxWait
	}
	seconds := min(float64(l.tokens)/rate, maxWait.Seconds())
	return max(time.Duration(seconds*float64(time.Second)).Round(time.Second), minWait)
}
