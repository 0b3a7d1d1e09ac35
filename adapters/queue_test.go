package adapters_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// lanes is a queue in memory: enough of one for the Deliverer.
type lanes struct {
	mu    sync.Mutex
	boxes map[queue.Key]*lane
	seen  map[string]bool
	dead  []queue.DeadLetter
	out   []queue.Outgoing
	// wake is closed and replaced when a lane may have become ready.
	wake chan struct{}
	// done is closed and replaced when something leaves its lane.
	done   chan struct{}
	failed int // failed attempts that counted
	// noted is told of each note that was left; may be nil.
	noted func(queue.Key)
}

type lane struct {
	items    []*waiting
	fields   map[string][]byte
	leased   bool
	token    queue.Token
	notUntil time.Time
}

type waiting struct {
	item    queue.Item
	since   time.Time
	note    []byte
	attempt int
}

func newLanes() *lanes {
	return &lanes{boxes: map[queue.Key]*lane{}, seen: map[string]bool{}, wake: make(chan struct{}), done: make(chan struct{})}
}

func (q *lanes) Publish(_ context.Context, key queue.Key, item queue.Item) (queue.Outcome, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen[item.ID] {
		return queue.Duplicate, nil
	}
	q.seen[item.ID] = true
	q.box(key).items = append(q.box(key).items, &waiting{item: item, since: time.Now()})
	close(q.wake)
	q.wake = make(chan struct{})
	return queue.Accepted, nil
}

func (q *lanes) box(key queue.Key) *lane {
	if q.boxes[key] == nil {
		q.boxes[key] = &lane{fields: map[string][]byte{}}
	}
	return q.boxes[key]
}

func (q *lanes) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.wake)
	q.wake = make(chan struct{})
}

// Consume handles lanes until ctx ends; handlers get the grace.
func (q *lanes) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	var work sync.WaitGroup
	defer work.Wait()
	handlers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(o.Grace, cancel) })()
	slots := make(chan struct{}, o.Slots)
	for {
		q.mu.Lock()
		wake := q.wake
		q.mu.Unlock()
		key, l, wait := q.ready(o.Box)
		if l == nil {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-wake:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		slots <- struct{}{}
		work.Go(func() {
			q.deliver(handlers, o, h, key, l)
			<-slots
			q.ring()
		})
	}
}

// ready leases a lane, or gives how long to wait for one.
func (q *lanes) ready(box queue.Box) (key queue.Key, found *lane, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait = time.Hour
	for key, l := range q.boxes {
		if key.Box != box {
			continue
		}
		if l.leased || len(l.items) == 0 {
			continue
		}
		if until := time.Until(l.notUntil); until > 0 {
			wait = min(wait, until)
			continue
		}
		l.leased = true
		l.token++
		return key, l, 0
	}
	return queue.Key{}, nil, wait
}

func (q *lanes) deliver(ctx context.Context, o queue.ConsumeOptions, h queue.Handler, key queue.Key, l *lane) {
	q.mu.Lock()
	first, token := l.items[0], l.token
	first.attempt++
	d := queue.Delivery{
		Key: key, Items: []queue.Item{first.item}, Since: first.since, Memory: queue.Memory{Fields: maps.Clone(l.fields)},
		Attempt: first.attempt, Last: first.attempt >= o.MaxAttempts, Token: token, Note: slices.Clone(first.note),
		Left: func() time.Duration {
			q.mu.Lock()
			defer q.mu.Unlock()
			if l.token != token {
				return 0
			}
			return o.Lease
		},
		SetNote: func(_ context.Context, note []byte) error {
			q.mu.Lock()
			defer func() {
				noted := q.noted
				q.mu.Unlock()
				if noted != nil {
					noted(key)
				}
			}()
			if l.token != token {
				return fault.New(fault.Retryable, "note", queue.ErrStale)
			}
			first.note = slices.Clone(note)
			return nil
		},
	}
	q.mu.Unlock()
	c, err := h(ctx, d)
	q.mu.Lock()
	defer q.mu.Unlock()
	l.leased = false
	if l.token != token { // the holder died: its attempt counts
		return
	}
	switch class := fault.ClassOf(err); {
	case err == nil:
		q.commit(key, l, c)
	case ctx.Err() != nil:
		first.attempt--
	case class == fault.RateLimited || class == fault.NeedsHuman:
		first.attempt--
		l.notUntil = time.Now().Add(fault.Wait(err))
	default:
		q.failed++
		wait := fault.Wait(err)
		if wait == 0 {
			wait = o.Backoff(first.attempt)
		}
		l.notUntil = time.Now().Add(wait)
	}
}

func (q *lanes) commit(key queue.Key, l *lane, c queue.Commit) {
	for _, w := range l.items[:c.Done] {
		if c.Bury != "" {
			q.dead = append(q.dead, queue.DeadLetter{Key: key, Item: w.item, Reason: c.Bury, Attempts: w.attempt})
		}
	}
	l.items = l.items[c.Done:]
	close(q.done)
	q.done = make(chan struct{})
	for name, value := range c.Set {
		if value == nil {
			delete(l.fields, name)
			continue
		}
		l.fields[name] = value
	}
	q.out = append(q.out, c.Out...)
}

// kill is what a crash looks like from outside: whoever holds the lane may not
// change anything any more, and the lane is delivered again.
func (q *lanes) kill(key queue.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.boxes[key].token++
}

func (q *lanes) fields(key queue.Key) map[string][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.box(key).fields)
}

func (q *lanes) buried() []queue.DeadLetter {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}

func (q *lanes) waiting(key queue.Key) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.box(key).items)
}

// settled waits, inside a bubble of synctest, until all of a lane was delivered or buried.
func (q *lanes) settled(t *testing.T, key queue.Key) {
	t.Helper()
	for {
		q.mu.Lock()
		n, done := len(q.box(key).items), q.done
		q.mu.Unlock()
		if n == 0 {
			synctest.Wait()
			return
		}
		select {
		case <-done:
		case <-time.After(time.Hour): // of the bubble's time: longer than all tries of a test
			t.Fatalf("%d items are left", n)
		}
	}
}

func (q *lanes) Stats(context.Context, queue.Box) (queue.Stats, error) { return queue.Stats{}, nil }
func (q *lanes) DeadLetters() queue.DeadLetters                        { return nil }
func (q *lanes) Close() error                                          { return nil }
