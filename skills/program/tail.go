// Package program has what all need who run programs of others: a place that does not
// outlive a killed hub for long, a group that ends together, and a program's last words.
package program

import "sync"

// MaxTail is how much a Tail keeps, in bytes.
const MaxTail = 4 << 10

// Tail keeps the end of what a program wrote to its standard error. It is safe for concurrent
// use.
type Tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - MaxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String gives the last MaxTail bytes.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
