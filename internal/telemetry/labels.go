package telemetry

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// other stands for every value beyond a label's limit.
const other = "other"

// maxLabel is how long a label's value may be, in bytes.
const maxLabel = 64

// label is one dimension of a metric with a fixed number of values.
type label struct {
	limit int
	mu    sync.Mutex
	known map[string]bool
}

func newLabel(limit int) *label { return &label{limit: limit, known: map[string]bool{}} }

// value gives v as it may be used, or "other" when the label has all it may have.
func (l *label) value(v string) string {
	if len(v) > maxLabel {
		v = v[:maxLabel]
	}
	v = strings.ToValidUTF8(v, "?")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[v] {
		return v
	}
	if len(l.known) >= l.limit {
		return other
	}
	l.known[v] = true
	return v
}

// family remembers the children of a metric by what an event carries, so that
// finding one costs a map look-up and no lock.
type family[K comparable, C any] struct {
	resolve func(K) C
	limit   int
	mu      sync.Mutex
	known   atomic.Pointer[map[K]C]
}

func newFamily[K comparable, C any](limit int, resolve func(K) C) *family[K, C] {
	f := &family[K, C]{resolve: resolve, limit: limit}
	f.known.Store(&map[K]C{})
	return f
}

func (f *family[K, C]) get(k K) C {
	if c, ok := (*f.known.Load())[k]; ok {
		return c
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known := *f.known.Load()
	if c, ok := known[k]; ok {
		return c
	}
	c := f.resolve(k)
	// Past the limit nothing is remembered: the labels' own limits already hold the
	// number of children, this one holds the number of their names.
	if len(known) < f.limit {
		grown := maps.Clone(known)
		grown[k] = c
		f.known.Store(&grown)
	}
	return c
}
