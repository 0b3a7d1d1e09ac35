package redisq_test

import (
	"fmt"
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
