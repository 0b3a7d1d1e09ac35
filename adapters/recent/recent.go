// Package recent is a map that forgets: what adapters remember of chats and messages
// must not grow for ever.
package recent

import "sync"

// DefaultMost is how many entries a Map with no Most of its own is sure to keep.
const DefaultMost = 4096

// Map keeps at least the newest Most entries, and at most twice as many: it holds them
// in two halves, so that forgetting costs nothing. The zero value is empty and ready. It
// is safe for concurrent use.
type Map[K comparable, V any] struct {
	// Most is how many entries are sure to be kept; 0 means DefaultMost.
	Most int

	mu       sync.Mutex
	new, old map[K]V
}

// Of makes a Map that is sure to keep so many entries.
func Of[K comparable, V any](most int) *Map[K, V] { return &Map[K, V]{Most: most} }

// Set keeps a value in place of what was there.
func (m *Map[K, V]) Set(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, value)
}

// put is Set while mu is held.
func (m *Map[K, V]) put(key K, value V) {
	most := m.Most
	if most <= 0 {
		most = DefaultMost
	}
	if _, known := m.new[key]; !known && len(m.new) >= most || m.new == nil {
		m.new, m.old = make(map[K]V), m.new
	}
	m.new[key] = value
}

// Get gives the value that was last set; known is false for none.
func (m *Map[K, V]) Get(key K) (value V, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.look(key)
}

// look is Get while mu is held.
func (m *Map[K, V]) look(key K) (value V, known bool) {
	if value, known = m.new[key]; !known {
		value, known = m.old[key]
	}
	return value, known
}

// Take gives a value and forgets it: whoever took it is the only one who has it.
func (m *Map[K, V]) Take(key K) (value V, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, known = m.look(key)
	delete(m.new, key)
	delete(m.old, key)
	return value, known
}

// Change sets what f makes of the value that is there, or of none.
func (m *Map[K, V]) Change(key K, f func(V) V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, _ := m.look(key)
	m.put(key, f(old))
}
