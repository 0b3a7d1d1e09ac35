package intents

import (
	"container/list"
	"crypto/sha256"
	"time"
)

// textKey is the digest of a text: words are not kept.
type textKey = [sha256.Size]byte

// kept is what is known of a text: its vector, or why it got none.
type kept struct {
	vector []float32
	by     string
	failed error
	until  time.Time
}

// recent are the texts that came last.
type recent struct {
	limit int
	order *list.List // of texts, the latest first
	byKey map[textKey]*list.Element
}

type text struct {
	key textKey
	kept
}

func newRecent(limit int) recent {
	return recent{limit: limit, order: list.New(), byKey: map[textKey]*list.Element{}}
}

func (r *recent) get(key textKey, now time.Time) (kept, bool) {
	at, ok := r.byKey[key]
	if !ok || !now.Before(at.Value.(text).until) {
		return kept{}, false
	}
	r.order.MoveToFront(at)
	return at.Value.(text).kept, true
}

func (r *recent) put(key textKey, k kept) {
	if at, ok := r.byKey[key]; ok {
		r.order.Remove(at)
	}
	r.byKey[key] = r.order.PushFront(text{key, k})
	if last := r.order.Back(); r.order.Len() > r.limit {
		r.order.Remove(last)
		delete(r.byKey, last.Value.(text).key)
	}
}
