package sqliteq_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

func finish(_ context.Context, d queue.Delivery) (queue.Commit, error) {
	return queue.Commit{Done: len(d.Items)}, nil
}

// publishUntilFull gives how many items of 2 KB fit.
func publishUntilFull(t *testing.T, e *sqliteq.Engine, prefix string) int {
	t.Helper()
	for n := 0; n < 10_000; n++ {
		_, err := e.Publish(t.Context(), inbox(fmt.Sprint(n%10)), queue.Item{ID: fmt.Sprint(prefix, n), Body: make([]byte, 2000)})
		if err == nil {
			continue
		}
		if !errors.Is(err, queue.ErrFull) || fault.ClassOf(err) != fault.Retryable {
			t.Fatalf("publish: %v, want a retryable ErrFull", err)
		}
		return n
	}
	t.Fatal("the budget is never exhausted")
	return 0
}

func TestDiskBudget(t *testing.T) {
	const budget = 1 << 20
	dir := t.TempDir()
	e := open(t, sqliteq.Options{Dir: dir, MaxBytes: budget})
	n := publishUntilFull(t, e, "a")
	if s, err := e.Stats(t.Context(), queue.Inbox); err != nil || s.Items != n || n < 100 {
		t.Fatalf("%d accepted, stats %+v, %v", n, s, err)
	}
	if out, err := e.Publish(t.Context(), inbox("0"), queue.Item{ID: "a0"}); err != nil || out != queue.Duplicate {
		t.Errorf("a duplicate while full: %d, %v", out, err)
	}
	// What was accepted can leave though the box it goes to takes room itself.
	work(t, e, n, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		return queue.Commit{Done: 1, Out: []queue.Outgoing{{Key: queue.Key{Box: queue.Outbox, Owner: "x"}, Item: queue.Item{ID: d.Items[0].ID, Body: make([]byte, 100)}}}}, nil
	})
	if again := publishUntilFull(t, e, "b"); again < n/3 {
		t.Errorf("%d items fit after %d were done", again, n)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "queue.db")); err != nil || info.Size() > budget {
		t.Errorf("the database has %d bytes, the budget is %d; %v", info.Size(), budget, err)
	}
}

// TestDiskFullCommit makes a commit that cannot fit: it is tried until the drain
// hands its item back, and does not harm those that share its transactions.
func TestDiskFullCommit(t *testing.T) {
	e := open(t, sqliteq.Options{Dir: t.TempDir(), MaxBytes: 1 << 20})
	fill(t, e, 1, 10)
	ctx, cancel := context.WithCancel(t.Context())
	handled := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Grace: time.Millisecond}, func(context.Context, queue.Delivery) (queue.Commit, error) {
			defer close(handled)
			return queue.Commit{Done: 1, Append: [][]byte{make([]byte, 2<<20)}}, nil
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	<-handled
	var publishers sync.WaitGroup
	for p := range 8 {
		publishers.Go(func() {
			for i := range 10 {
				id := fmt.Sprint(p, "-", i)
				if _, err := e.Publish(ctx, queue.Key{Box: queue.Ledger, Owner: id}, queue.Item{ID: id}); err != nil {
					t.Errorf("publish beside it: %v", err)
				}
			}
		})
	}
	publishers.Wait()
	cancel()
	wg.Wait()
	if got := takeOne(t, e, queue.ConsumeOptions{}); got.Attempt != 1 || len(got.Memory.Log) != 0 {
		t.Errorf("handed back with attempt %d and %d entries", got.Attempt, len(got.Memory.Log))
	}
}

// TestEviction gives many mailboxes a memory that the cache cannot hold.
func TestEviction(t *testing.T) {
	const mailboxes, size, cache = 50, 10_000, 100_000
	e := open(t, sqliteq.Options{Dir: t.TempDir(), MemoryCache: cache})
	remember := func(round int) {
		for i := range mailboxes {
			if _, err := e.Publish(t.Context(), inbox(fmt.Sprint(i)), queue.Item{ID: fmt.Sprint(round, "-", i)}); err != nil {
				t.Fatal(err)
			}
		}
		work(t, e, mailboxes, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			if len(d.Memory.Log) != round || round > 0 && string(d.Memory.Fields["owner"]) != d.Key.Owner {
				t.Errorf("round %d: %s remembers %d entries of %q", round, d.Key.Owner, len(d.Memory.Log), d.Memory.Fields["owner"])
			}
			return queue.Commit{Done: 1, Set: map[string][]byte{"owner": []byte(d.Key.Owner)}, Append: [][]byte{make([]byte, size)}}, nil
		})
		if n, cached := e.InProcess(); cached > cache || n > cache/size {
			t.Errorf("round %d: %d mailboxes with %d bytes in process", round, n, cached)
		}
	}
	for round := range 3 {
		remember(round)
	}
}

// TestNothingStays works through mailboxes that remember nothing, without a cache.
func TestNothingStays(t *testing.T) {
	e := open(t, sqliteq.Options{Dir: t.TempDir(), MemoryCache: -1})
	fill(t, e, 100, 10)
	if _, err := e.Publish(t.Context(), inbox("0"), queue.Item{ID: "fill0"}); err != nil {
		t.Fatal(err)
	}
	work(t, e, 100, finish)
	if n, cached := e.InProcess(); n != 0 || cached != 0 || e.Alarms() != 0 {
		t.Errorf("%d mailboxes, %d bytes, %d alarms stay in process", n, cached, e.Alarms())
	}
}

// TestPurge lets the dedupe window pass: ids go, and mailboxes that remember
// nothing; one that remembers stays.
func TestPurge(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, sqliteq.Options{Dir: dir, MemoryCache: -1, DedupeWindow: time.Hour})
		fill(t, e, 50, 10)
		work(t, e, 50, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			c := queue.Commit{Done: 1}
			if d.Key == inbox("7") {
				c.Set = map[string][]byte{"f": []byte("v")}
			}
			return c, nil
		})
		time.Sleep(time.Hour - 2*sqliteq.SweepEvery)
		synctest.Wait()
		if n := query(t, dir, `SELECT count(*) FROM seen`); n != 50 {
			t.Errorf("%d ids before the window passed, want 50", n)
		}
		time.Sleep(4 * sqliteq.SweepEvery)
		synctest.Wait()
		if n := query(t, dir, `SELECT count(*) FROM seen`); n != 0 {
			t.Errorf("%d ids stay", n)
		}
		if n := query(t, dir, `SELECT count(*) FROM mailbox`); n != 1 {
			t.Errorf("%d mailboxes stay, want the one that remembers", n)
		}
		if out, err := e.Publish(t.Context(), inbox("0"), queue.Item{ID: "fill0"}); err != nil || out != queue.Accepted {
			t.Errorf("an id past its window: %d, %v", out, err)
		}
		work(t, e, 1, finish)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSettleRuns checks when a mailbox is ready, in fake time.
func TestSettleRuns(t *testing.T) {
	for _, c := range []struct {
		name    string
		settles []time.Duration // published 10 s apart
		want    time.Duration   // from the first publish
	}{
		{"no settle", []time.Duration{0}, 0},
		{"one", []time.Duration{time.Minute}, time.Minute},
		{"a later one prolongs", []time.Duration{time.Minute, time.Minute}, 70 * time.Second},
		{"a shorter one does not shorten", []time.Duration{time.Minute, time.Second}, time.Minute},
		{"one without does not shorten", []time.Duration{time.Minute, 0}, time.Minute},
		{"one behind the run does not prolong", []time.Duration{time.Minute, 0, time.Hour}, time.Minute},
		{"one behind an item without is not waited for", []time.Duration{0, time.Hour}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				e := open(t, sqliteq.Options{Dir: dir})
				begun := time.Now()
				taken := make(chan time.Duration, 1)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 1}, func(ctx context.Context, _ queue.Delivery) (queue.Commit, error) {
						taken <- time.Since(begun)
						<-ctx.Done()
						return queue.Commit{}, ctx.Err()
					}); err != nil {
						t.Errorf("consume: %v", err)
					}
				})
				for i, settle := range c.settles {
					if _, err := e.Publish(t.Context(), inbox("ann"), queue.Item{ID: fmt.Sprint(i), Settle: settle}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Second)
				}
				if got := <-taken; got < c.want || got > c.want+time.Second {
					t.Errorf("taken after %v, want %v", got, c.want)
				}
				cancel()
				wg.Wait()
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestCommitCost compares what a commit writes in a mailbox with a long history
// and in one without: its cost depends on what changed.
func TestCommitCost(t *testing.T) {
	dir := t.TempDir()
	e := open(t, sqliteq.Options{Dir: dir})
	history := queue.Commit{Done: 1, Set: map[string][]byte{"large": make([]byte, 100_000)}}
	for range 5000 {
		history.Append = append(history.Append, make([]byte, 200))
	}
	steps := func(owner string, n int) (written int64) {
		before := walSize(t, dir)
		for i := range n {
			if _, err := e.Publish(t.Context(), inbox(owner), queue.Item{ID: fmt.Sprint(owner, i)}); err != nil {
				t.Fatal(err)
			}
			work(t, e, 1, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
				return queue.Commit{Done: 1, Set: map[string][]byte{"n": {1}}, Trim: min(1, len(d.Memory.Log)), Append: [][]byte{make([]byte, 200)}}, nil
			})
		}
		return walSize(t, dir) - before
	}
	if _, err := e.Publish(t.Context(), inbox("old"), queue.Item{ID: "history"}); err != nil {
		t.Fatal(err)
	}
	work(t, e, 1, func(context.Context, queue.Delivery) (queue.Commit, error) { return history, nil })
	short, long := steps("new", 20), steps("old", 20)
	if short <= 0 || long > 2*short {
		t.Errorf("20 commits write %d bytes with a history, %d without", long, short)
	}
}

func walSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "queue.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
