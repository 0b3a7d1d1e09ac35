package slack

import "sync"

// recent is a map that forgets: it holds the newest entries in two halves, so that
// forgetting costs nothing. The zero value is empty and ready.
type recent[K comparable, V any] struct {
	mu       sync.Mutex
	new, old map[K]V
}

// keptEntries is how many entries a half holds.
const keptEntries = 4096

// set keeps a value in place of what was there.
func (r *recent[K, V]) set(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(key, value)
}

// put is set while mu is held.
func (r *recent[K, V]) put(key K, value V) {
	if len(r.new) >= keptEntries || r.new == nil {
		r.new, r.old = make(map[K]V), r.new
	}
	r.new[key] = value
}

func (r *recent[K, V]) get(key K) (value V, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.look(key)
}

// look is get while mu is held.
func (r *recent[K, V]) look(key K) (value V, known bool) {
	if value, known = r.new[key]; !known {
		value, known = r.old[key]
	}
	return value, known
}

// take gives a value and forgets it: whoever took it is the only one who has it.
func (r *recent[K, V]) take(key K) (value V, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, known = r.look(key)
	delete(r.new, key)
	delete(r.old, key)
	return value, known
}

// change sets what f makes of the value that is there, or of none.
func (r *recent[K, V]) change(key K, f func(V) V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, _ := r.look(key)
	r.put(key, f(old))
}
