package pool

import "time"

const (
	// retryPart is how many retries a success earns: more would turn a fault of all
	// workers into a storm.
	retryPart = 0.1
	// retryLeast a second are always allowed, so that a quiet pool may retry.
	retryLeast = 1
	// retryRoom is what is saved up beside one retry for each slot: when a worker dies,
	// all that it had in flight move at once.
	retryRoom = 10

	// Hedges are at most these parts of the requests and of the tokens of a minute.
	hedgePart = 0.05
	// hedgeBusy is how full a version's workers are when nobody is asked twice.
	hedgeBusy = 0.7
	// hedgePrompt is how many tokens may be computed twice.
	hedgePrompt = 2048
)

// bucket is the retries that are left.
type bucket struct {
	left, room float64
	at         time.Time
}

func (b *bucket) fill(slots int) {
	b.room = float64(retryRoom + slots)
	b.left = b.room
}

func (b *bucket) earn() { b.left = min(b.left+retryPart, b.room) }

func (b *bucket) take(now time.Time) bool {
	if !b.at.IsZero() {
		b.left = min(b.left+retryLeast*now.Sub(b.at).Seconds(), b.room)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// quota holds hedges down to a part of what goes on, over about a minute.
type quota struct {
	requests, tokens, hedged, wasted float64
	at                               time.Time
}

// fade lets what is older than a minute count for less and less.
func (q *quota) fade(now time.Time) {
	if past := now.Sub(q.at); !q.at.IsZero() && past > 0 {
		keep := max(0, 1-past.Minutes())
		q.requests, q.tokens, q.hedged, q.wasted = q.requests*keep, q.tokens*keep, q.hedged*keep, q.wasted*keep
	}
	q.at = now
}

func (q *quota) request(now time.Time, tokens int) {
	q.fade(now)
	q.requests++
	q.tokens += float64(tokens)
}

func (q *quota) take(now time.Time, tokens int) bool {
	q.fade(now)
	if q.hedged+1 > hedgePart*q.requests || q.wasted+float64(tokens) > hedgePart*q.tokens {
		return false
	}
	q.hedged++
	q.wasted += float64(tokens)
	return true
}
