package redisq_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// What a commit published for another shard arrives, once and in order, though the
// node that committed dies or loses its way before it could carry it there.
func TestOthersCarryOn(t *testing.T) {
	o := redisq.ByBox(redisq.Options{URL: secret.New(redistest.Start(t).URL()), Prefix: freshPrefix()})
	lost := open(t, o)
	lost.LoseCarried()
	const items = 150 // more than one step carries
	for i := range items {
		accepted(t, lost, inbox("ann"), item(strconv.Itoa(i)))
	}
	stop := works(t, lost, queue.ConsumeOptions{Box: queue.Inbox}, sendOn)
	drained(t, lost, queue.Inbox)
	stop()
	if s, err := lost.Stats(t.Context(), queue.Outbox); err != nil || s.Items != items || s.Ready != 0 {
		t.Fatalf("outbox: %+v, %v; want %d items on their way", s, err, items)
	}
	if err := lost.Close(); err != nil {
		t.Fatal(err)
	}
	others := []*redisq.Engine{open(t, o), open(t, o)}
	var sent []string
	works(t, others[0], queue.ConsumeOptions{Box: queue.Outbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		sent = append(sent, string(d.Items[0].Body))
		return queue.Commit{Done: 1}, nil
	})
	drained(t, others[1], queue.Outbox)
	inOrder(t, "sent", sent)
	if len(sent) != items {
		t.Errorf("%d of %d items came", len(sent), items)
	}
}

// An id is one item of its box, whatever mailbox it is published into and however
// many publish it at once.
func TestDedupeAcrossShards(t *testing.T) {
	e := open(t, redisq.Options{URL: secret.New(redistest.Start(t).URL()), Shards: 8})
	const ids, tries = 50, 6
	outcomes := make(chan queue.Outcome)
	for i := range ids {
		for try := range tries {
			go func() {
				out, err := e.Publish(t.Context(), inbox(fmt.Sprint("owner", i, try)), item(strconv.Itoa(i)))
				if err != nil {
					t.Error(err)
				}
				outcomes <- out
			}()
		}
	}
	count := map[queue.Outcome]int{}
	for range ids * tries {
		count[<-outcomes]++
	}
	s, err := e.Stats(t.Context(), queue.Inbox)
	if err != nil || s.Items != ids || count[queue.Accepted] != ids || count[queue.Duplicate] != ids*(tries-1) {
		t.Errorf("%d accepted, %d duplicates, stats %+v, %v", count[queue.Accepted], count[queue.Duplicate], s, err)
	}
}

// A commit may publish into its own mailbox, which it empties at the same time.
func TestOutIntoOwnMailbox(t *testing.T) {
	e := open(t, redisq.Options{URL: secret.New(redistest.Start(t).URL())})
	accepted(t, e, inbox("ann"), item("0"))
	var seen []string
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		id := d.Items[0].ID
		seen = append(seen, id)
		c := queue.Commit{Done: 1}
		if n, _ := strconv.Atoi(id); n < 20 {
			c.Out = []queue.Outgoing{{Key: d.Key, Item: item(strconv.Itoa(n + 1))}}
		}
		return c, nil
	})
	drained(t, e, queue.Inbox)
	inOrder(t, "seen", seen)
	if len(seen) != 21 {
		t.Errorf("%d deliveries, want 21", len(seen))
	}
}

// Redis itself refuses a token that is not the present one, whatever the client
// thinks of its lease.
func TestServerFences(t *testing.T) {
	e := open(t, redisq.Options{URL: secret.New(redistest.Start(t).URL())})
	accepted(t, e, inbox("ann"), item("a"))
	h := newHeld()
	var token queue.Token
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		token = d.Token
		if d.Note != nil || len(d.Memory.Log) > 0 || d.Attempt != 1 {
			t.Errorf("a stale holder left %+v", d)
		}
		return h.handle(ctx, d)
	})
	<-h.taken
	for _, wrong := range []string{"1", strconv.FormatUint(uint64(token)-1, 10), strconv.FormatUint(uint64(token)+1, 10)} {
		if refused, err := e.Stale(t.Context(), inbox("ann"), wrong); err != nil || !refused {
			t.Errorf("token %s instead of %d is taken (%v)", wrong, token, err)
		}
	}
	close(h.goOn)
	drained(t, e, queue.Inbox)
	if refused, err := e.Stale(t.Context(), inbox("ann"), "1"); err != nil || !refused {
		t.Errorf("an old token is taken of an empty mailbox (%v)", err)
	}
}
