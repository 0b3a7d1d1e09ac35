// Package logtest has a log for tests of what runs beside them.
package logtest

import (
	"bytes"
	"context"
	"sync"
)

// Log keeps what is written. It can be read while it is written. The zero value is empty.
type Log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{} // closed with the next line, where somebody waits for one
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote != nil {
		close(l.wrote)
		l.wrote = nil
	}
	return l.text.Write(p)
}

// String is all that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Wait returns once ok is true, which is asked at once and after each line, or with the
// context's error.
func (l *Log) Wait(ctx context.Context, ok func() bool) error {
	for {
		l.mu.Lock()
		if l.wrote == nil {
			l.wrote = make(chan struct{})
		}
		next := l.wrote
		l.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
