package archive_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/archive"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a store in memory. Its next calls fail with fail.
type shelf struct {
	mu     sync.Mutex
	next   int
	copies map[string][]byte
	fail   error
	gets   int
}

func (s *shelf) Put(_ context.Context, of queue.Key, memory []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	s.next++
	ref := of.Owner + "-" + strconv.Itoa(s.next)
	s.copies[ref] = memory
	return ref, nil
}

func (s *shelf) Get(_ context.Context, ref string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	memory, ok := s.copies[ref]
	return memory, ok, s.fail
}

func (s *shelf) Drop(_ context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		delete(s.copies, ref)
	}
	return s.fail
}

func (s *shelf) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *shelf) holds(t *testing.T, n int) {
	t.Helper()
	redistest.WaitFor(t, fmt.Sprint(n, " copies"), func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.copies) != n {
			return fmt.Errorf("%d copies", len(s.copies))
		}
		return nil
	})
}

// has is nil when there is a copy of an owner's memory.
func (s *shelf) has(owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref := range s.copies {
		if strings.HasPrefix(ref, owner+"-") {
			return nil
		}
	}
	return errors.New("no copy")
}

func inbox(owner string) queue.Key {
	return queue.Key{Box: queue.Inbox, Scope: "person", Owner: owner}
}

// node is an archive over an engine of its own, at work with a handler.
type node struct{ *archive.Queue }

func start(t *testing.T, url string, s archive.Store, h queue.Handler) node {
	t.Helper()
	e, err := redisq.Open(t.Context(), redisq.Options{URL: secret.New(url)})
	if err != nil {
		t.Fatal(err)
	}
	q := archive.New(archive.Options{Engine: e, Store: s, Box: queue.Inbox, After: time.Microsecond, Every: time.Hour})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := q.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4, Batch: 3}, h); err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	wg.Go(func() {
		if err := q.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return node{q}
}

func (n node) say(t *testing.T, owner, id string) {
	t.Helper()
	if out, err := n.Publish(t.Context(), inbox(owner), queue.Item{ID: id, Body: []byte(id)}); err != nil || out != queue.Accepted {
		t.Fatal(out, err)
	}
}

func (n node) look(t *testing.T) {
	t.Helper()
	if err := n.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// seen is what a handler was given.
type seen struct {
	item    string
	log     []string
	fields  map[string]string
	attempt int
}

// keep remembers each item in the log and the last in a field, but forgets everything
// for an item named so.
func keep(into chan<- seen) queue.Handler {
	return func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		s := seen{item: string(d.Items[0].Body), fields: map[string]string{}, attempt: d.Attempt}
		for _, entry := range d.Memory.Log {
			s.log = append(s.log, string(entry))
		}
		for name, value := range d.Memory.Fields {
			s.fields[name] = string(value)
		}
		into <- s
		if s.item == "forget" {
			return queue.Commit{Done: 1, Set: map[string][]byte{"last": nil}, Trim: len(d.Memory.Log)}, nil
		}
		return queue.Commit{Done: 1, Set: map[string][]byte{"last": d.Items[0].Body}, Trim: max(len(d.Memory.Log)-2, 0), Append: [][]byte{d.Items[0].Body}}, nil
	}
}

func expect(t *testing.T, from <-chan seen, item, last string, log ...string) {
	t.Helper()
	got := <-from
	if got.item != item || !slices.Equal(got.log, log) || got.fields["last"] != last || len(got.fields) > 1 || got.attempt != 1 {
		t.Errorf("%s found %v and %v at attempt %d, want %v and last %s", got.item, got.log, got.fields, got.attempt, log, last)
	}
}

// TestPutAwayAndBack puts a memory away between any two items: the handler never notices,
// and no copy is left of what is back or forgotten.
func TestPutAwayAndBack(t *testing.T) {
	s := &shelf{copies: map[string][]byte{}}
	got := make(chan seen, 1)
	n := start(t, redistest.Start(t).URL(), s, keep(got))
	n.say(t, "ann", "1")
	expect(t, got, "1", "")
	away := func() {
		redistest.WaitFor(t, "it is put away", func() error {
			n.look(t)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.copies) != 1 {
				return fmt.Errorf("%d copies", len(s.copies))
			}
			return nil
		})
	}
	away()
	n.look(t) // once is enough
	n.say(t, "ann", "2")
	expect(t, got, "2", "1", "1")
	s.holds(t, 0)
	n.say(t, "ann", "3")
	expect(t, got, "3", "2", "1", "2")
	away()
	n.say(t, "ann", "4")
	expect(t, got, "4", "3", "1", "2", "3")
	s.holds(t, 0)
	away()
	n.say(t, "ann", "forget")
	expect(t, got, "forget", "4", "2", "3", "4")
	s.holds(t, 0)
	n.look(t)
	n.say(t, "ann", "5")
	expect(t, got, "5", "")
	s.holds(t, 0)
}

// TestStoreFails: what cannot be put away stays, and what cannot be read now is waited
// for without an attempt.
func TestStoreFails(t *testing.T) {
	s := &shelf{copies: map[string][]byte{}}
	got := make(chan seen, 1)
	n := start(t, redistest.Start(t).URL(), s, keep(got))
	n.say(t, "ann", "1")
	expect(t, got, "1", "")
	s.breaks(errors.New("the store is down"))
	n.look(t)
	n.say(t, "ann", "2")
	expect(t, got, "2", "1", "1")
	s.breaks(nil)
	redistest.WaitFor(t, "it is put away", func() error {
		n.look(t)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.copies) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	s.breaks(errors.New("the store is down"))
	n.say(t, "ann", "3")
	redistest.WaitFor(t, "the store was asked", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.gets == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	s.breaks(nil)
	expect(t, got, "3", "2", "1", "2")
}

// TestNobodyNotices works on many mailboxes from two nodes while memories are put away
// all the time: each handler finds exactly what the ones before it left.
func TestNobodyNotices(t *testing.T) {
	const owners, items = 12, 60
	s := &shelf{copies: map[string][]byte{}}
	url := redistest.Start(t).URL()
	var mu sync.Mutex
	heard := map[string]int{}
	wrong := 0
	count := func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		mu.Lock()
		defer mu.Unlock()
		n := heard[d.Key.Owner]
		if string(d.Memory.Fields["n"]) != strconv.Itoa(n) && n > 0 || len(d.Memory.Log) != min(n, 5) {
			wrong++
			t.Logf("%s: %d entries and %q after %d items", d.Key.Owner, len(d.Memory.Log), d.Memory.Fields["n"], n)
		}
		heard[d.Key.Owner] = n + 1
		return queue.Commit{
			Done: 1, Set: map[string][]byte{"n": []byte(strconv.Itoa(n + 1))}, Trim: max(len(d.Memory.Log)-4, 0), Append: [][]byte{{1}},
		}, nil
	}
	nodes := []node{start(t, url, s, count), start(t, url, s, count)}
	var wg sync.WaitGroup
	for k := range owners {
		wg.Go(func() {
			for i := range items {
				nodes[i%2].say(t, strconv.Itoa(k), fmt.Sprint(k, "-", i))
				if i%10 == 0 { // now and then it is idle until its memory is put away
					redistest.WaitFor(t, "it is put away", func() error { return s.has(strconv.Itoa(k)) })
				}
			}
		})
	}
	talked := make(chan struct{})
	go func() { wg.Wait(); close(talked) }()
	for over := false; !over; {
		nodes[0].look(t)
		select {
		case <-talked:
			over = true
		default:
		}
	}
	redistest.WaitFor(t, "all was handled", func() error {
		nodes[1].look(t)
		mu.Lock()
		defer mu.Unlock()
		for k := range owners {
			if n := heard[strconv.Itoa(k)]; n != items {
				return fmt.Errorf("%d of %d", n, items)
			}
		}
		return nil
	})
	if wrong > 0 {
		t.Errorf("%d of %d handlers found another memory", wrong, owners*items)
	}
}
