package redisq_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// Connections are cut again and again under work: requests and answers are lost on
// the way, and still each item is handled once, in order, and sent on once.
func TestConnectionsAreCut(t *testing.T) {
	const owners, items = 8, 150
	s := redistest.Start(t)
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			p := redistest.StartProxy(t, s.Addr())
			o := redisq.Options{URL: secret.New("redis://" + p.Addr()), Prefix: freshPrefix(), Shards: shards}
			e := open(t, o)
			// A handler may run twice where its commit is lost with its lease; a commit may not.
			stop := works(t, e, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4, Batch: 3, MaxAttempts: 1000}, sendOn)
			var wg sync.WaitGroup
			safe := map[string]int{}
			for k := range owners {
				owner := strconv.Itoa(k)
				safe[owner] = items - 1
				wg.Go(func() {
					for n := 0; n < items; {
						_, err := e.Publish(t.Context(), inbox(owner), queue.Item{ID: fmt.Sprint(owner, "-", n), Body: []byte(strconv.Itoa(n))})
						if err == nil {
							n++
						}
					}
				})
			}
			done := make(chan struct{})
			go func() {
				wg.Wait()
				close(done)
			}()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for cutting := true; cutting; {
				select {
				case <-tick.C:
					p.Cut()
				case <-done:
					cutting = false
				}
			}
			direct := redisq.Options{URL: secret.New(s.URL()), Prefix: o.Prefix}
			check := open(t, direct)
			redistest.WaitFor(t, "inbox is empty", func() error {
				st, err := check.Stats(context.Background(), queue.Inbox)
				if err == nil && st.Items > 0 {
					err = fmt.Errorf("stats are %+v", st)
				}
				return err
			})
			stop()
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			checkAfterKill(t, direct, safe)
		})
	}
}
