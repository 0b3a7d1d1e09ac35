package mcp

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrFlood is in the fault of what a server said past its bounds.
var ErrFlood = errors.New("the server says more than it may")

// meter reads what a server says in a session, up to what it may in a minute. Past that it
// fails, and so does whatever reads it.
type meter struct {
	from io.ReadCloser
	rate *allowance
}

// allowance is what is left of a minute. Streams of one session share it.
type allowance struct {
	mu                   sync.Mutex
	bytes, lines         int64
	bytesLeft, linesLeft int64
	since                time.Time
	flooded              bool
}

func newAllowance(l Limits) *allowance { return &allowance{bytes: l.Bytes, lines: l.Lines} }

func newMeter(from io.ReadCloser, l Limits) *meter { return &meter{from: from, rate: newAllowance(l)} }

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	if !m.rate.take(p[:n]) {
		return 0, ErrFlood
	}
	return n, err
}

// Close implements io.Closer.
func (m *meter) Close() error { return m.from.Close() }

func (m *meter) why() error { return m.rate.why() }

// take counts what was said; false when it is too much.
func (a *allowance) take(said []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.since) >= time.Minute {
		a.since, a.bytesLeft, a.linesLeft = now, a.bytes, a.lines
	}
	a.bytesLeft -= int64(len(said))
	a.linesLeft -= int64(bytes.Count(said, []byte{'\n'}))
	a.flooded = a.flooded || a.bytesLeft < 0 || a.linesLeft < 0
	return !a.flooded
}

// flood says that a bound was passed elsewhere.
func (a *allowance) flood() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flooded = true
}

func (a *allowance) why() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flooded {
		return ErrFlood
	}
	return nil
}
