package redisq_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// TestBudget measures how many bytes of Redis things take (MEMORY USAGE of every key),
// and holds them to what docs/performance.md says. Bodies and memories are counted
// in. Run it with -v for the figures.
func TestBudget(t *testing.T) {
	const n = 5000
	owner := func(i int) string { return fmt.Sprintf("0123456789abcdef%d", i) }
	publish := func(e *redisq.Engine, i int, owner string, size int) {
		accepted(t, e, inbox(owner), queue.Item{ID: fmt.Sprintf("0123456789abcdef0123456789abcdef-%d", i), Body: make([]byte, size)})
	}
	// remember leaves a memory of about 5 kB: 20 entries, and 4 fields.
	remember := func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		c := queue.Commit{Done: 1, Set: map[string][]byte{}}
		for i := range 4 {
			c.Set["field"+strconv.Itoa(i)] = make([]byte, 40)
		}
		for range 20 {
			c.Append = append(c.Append, make([]byte, 250))
		}
		return c, nil
	}
	for _, c := range []struct {
		name   string
		budget int
		fill   func(e *redisq.Engine)
	}{
		{"a waiting message of 512 bytes, alone in its conversation, with its id", 1400, func(e *redisq.Engine) {
			for i := range n {
				publish(e, i, owner(i), 512)
			}
		}},
		{"a waiting message of 512 bytes behind others, with its id", 750, func(e *redisq.Engine) {
			for i := range n {
				publish(e, i, owner(i%10), 512)
			}
		}},
		{"an idle conversation with a memory of 5.2 kB, and the id of its last message", 6500, func(e *redisq.Engine) {
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, remember)
			for i := range n {
				publish(e, i, owner(i), 1)
			}
			drained(t, e, queue.Inbox)
			stop()
		}},
		{"a live conversation: the same with a message of 512 bytes waiting", 7600, func(e *redisq.Engine) {
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, remember)
			for i := range n {
				publish(e, i, owner(i), 1)
			}
			drained(t, e, queue.Inbox)
			stop()
			for i := range n {
				publish(e, n+i, owner(i), 512)
			}
		}},
		{"an idle conversation whose memory is in the archive, and the id of its last message", 500, func(e *redisq.Engine) {
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(context.Context, queue.Delivery) (queue.Commit, error) {
				return queue.Commit{Done: 1, Set: map[string][]byte{"archived": make([]byte, 26)}}, nil // as package archive leaves it
			})
			for i := range n {
				publish(e, i, owner(i), 1)
			}
			drained(t, e, queue.Inbox)
			stop()
		}},
		{"the id of a message that is done", 100, func(e *redisq.Engine) {
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox, Batch: 10}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
				return queue.Commit{Done: len(d.Items)}, nil
			})
			for i := range n {
				publish(e, i, owner(i%10), 1)
			}
			drained(t, e, queue.Inbox)
			stop()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := redistest.Start(t, "--appendonly", "no")
			e := open(t, redisq.Options{URL: secret.New(s.URL()), MaxPerKey: n})
			before := usedMemory(t, s)
			c.fill(e)
			each := (usedMemory(t, s) - before) / n
			t.Logf("%d bytes", each)
			if each > c.budget || each < c.budget/2 {
				t.Errorf("%d bytes, the budget says %d at most", each, c.budget)
			}
		})
	}
}

// usedMemory adds up what every key takes, with its place in the table of keys.
func usedMemory(t *testing.T, s *redistest.Server) int {
	t.Helper()
	const place = 16 // two pointers, while the table is half full
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for part := range slices.Chunk(keys, 1000) {
		pipe := c.Pipeline()
		for _, key := range part {
			pipe.MemoryUsage(t.Context(), key, 0)
		}
		sizes, err := pipe.Exec(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			total += int(size.(*redis.IntCmd).Val()) + place
		}
	}
	return total
}
