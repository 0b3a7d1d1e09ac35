package whatsapp

import "container/list"

// recent is a map of bounded size that forgets what was not set for longest. Its
// owner guards it.
type recent[K comparable, V any] struct {
	most  int
	order *list.List // of pair[K, V], newest first
	items map[K]*list.Element
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, order: list.New(), items: map[K]*list.Element{}}
}

func (r *recent[K, V]) get(key K) (v V, ok bool) {
	e, ok := r.items[key]
	if !ok {
		return v, false
	}
	p, ok := e.Value.(pair[K, V])
	return p.value, ok
}

func (r *recent[K, V]) set(key K, v V) {
	r.drop(key)
	r.items[key] = r.order.PushFront(pair[K, V]{key, v})
	if r.order.Len() > r.most {
		if p, ok := r.order.Back().Value.(pair[K, V]); ok {
			r.drop(p.key)
		}
	}
}

func (r *recent[K, V]) drop(key K) {
	if e, ok := r.items[key]; ok {
		r.order.Remove(e)
		delete(r.items, key)
	}
}
