package redisq_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// TestReplicasHaveIt accepts only what a replica has: while none follows, nothing; and a
// repeat of what was stored meanwhile waits for the replica as well.
func TestReplicasHaveIt(t *testing.T) {
	s := redistest.StartSentinels(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL()), Replicas: 1, ReplicasWithin: 300 * time.Millisecond})
	publish := func(id string) (queue.Outcome, error) {
		return e.Publish(t.Context(), inbox("ann"), queue.Item{ID: id, Body: []byte(id)})
	}
	if out, err := publish("1"); out != queue.Accepted || err != nil {
		t.Fatal(out, err)
	}
	s.Replica.Signal(syscall.SIGSTOP)
	for range 2 {
		if out, err := publish("2"); fault.ClassOf(err) != fault.Retryable || !fault.IsUnsure(err) {
			t.Errorf("without a replica: %v, %v", out, err)
		}
	}
	s.Replica.Signal(syscall.SIGCONT)
	redistest.WaitFor(t, "the replica follows again", func() error {
		out, err := publish("2")
		if err == nil && out != queue.Duplicate {
			err = fmt.Errorf("outcome %v", out)
		}
		return err
	})
	// What was accepted survives the master.
	s.Master.Kill()
	redistest.WaitFor(t, "the replica takes over", func() error {
		st, err := e.Stats(t.Context(), queue.Inbox)
		if err == nil && st.Items != 2 {
			t.Fatalf("%d of 2 items are left", st.Items)
		}
		return err
	})
}

// TestEffectsWaitForReplicas begins a delivery that cannot be undone once a replica knows
// that it is begun: when the master dies with it, the next holder sees an attempt that is
// not its first.
func TestEffectsWaitForReplicas(t *testing.T) {
	s := redistest.StartSentinels(t)
	e := open(t, redisq.Options{URL: secret.New(s.URL()), Replicas: 1, ReplicasWithin: 10 * time.Second})
	if _, err := e.Publish(t.Context(), inbox("ann"), queue.Item{ID: "1", Body: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	s.Replica.Signal(syscall.SIGSTOP)
	var follows atomic.Bool
	begun := make(chan int, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 1, Lease: 2 * time.Second, Effects: true},
			func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
				if !follows.Load() {
					t.Error("it was begun before a replica knew of it")
				}
				begun <- d.Attempt
				if d.Attempt == 1 {
					<-ctx.Done() // its master is dead
				}
				return queue.Commit{Done: 1}, ctx.Err()
			})
	}()
	redistest.WaitFor(t, "it is taken", func() error {
		st, err := e.Stats(t.Context(), queue.Inbox)
		if err == nil && st.Leased != 1 {
			err = fmt.Errorf("%d are leased: %+v", st.Leased, st)
		}
		return err
	})
	follows.Store(true)
	s.Replica.Signal(syscall.SIGCONT)
	if attempt := <-begun; attempt != 1 {
		t.Errorf("attempt %d comes first", attempt)
	}
	s.Master.Kill()
	if attempt := <-begun; attempt != 2 {
		t.Errorf("after the failover it is attempt %d, want 2", attempt)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
