package redisq_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// TestDirect publishes to consumers that look for nothing themselves.
func TestDirect(t *testing.T) {
	server := redistest.Start(t)
	e := open(t, redisq.Options{URL: secret.New(server.URL())})
	h := newHeld()
	stop := e.Lazy(t.Context(), queue.ConsumeOptions{Box: queue.Inbox, Slots: 2}, h.handle)
	waiting := func() int {
		s, err := e.Stats(t.Context(), queue.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		return s.Items
	}

	accepted(t, e, inbox("ann"), item("1"))
	<-h.taken
	// Whoever is held gets the next one with the commit of the first.
	accepted(t, e, inbox("ann"), item("2"))
	accepted(t, e, inbox("ben"), item("3"))
	<-h.taken
	// No slot is left; and what settles, waits.
	accepted(t, e, inbox("cat"), item("4"))
	settling := item("5")
	settling.Settle = time.Hour
	accepted(t, e, inbox("dan"), settling)
	if n := waiting(); n != 5 {
		t.Errorf("%d items, want 5", n)
	}
	close(h.goOn)
	<-h.taken // ann's second
	redistest.WaitFor(t, "1, 2 and 3 are done", func() error {
		if n := waiting(); n != 2 {
			return fmt.Errorf("%d items", n)
		}
		return nil
	})
	// Somebody stands in the line now: nobody passes.
	accepted(t, e, inbox("eve"), item("6"))
	if n := waiting(); n != 3 {
		t.Errorf("%d items, want 3", n)
	}
	stop()
	// The rest is found by a consumer that looks.
	found := make(chan string, 8)
	end := works(t, e, queue.ConsumeOptions{Box: queue.Inbox, Slots: 1}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		found <- d.Items[0].ID
		return queue.Commit{Done: 1}, nil
	})
	got := []string{<-found, <-found}
	end()
	if diff := cmp.Diff([]string{"4", "6"}, got); diff != "" {
		t.Error(diff)
	}
	holds(t, server)
}
