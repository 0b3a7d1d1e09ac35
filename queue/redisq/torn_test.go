package redisq_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// A server that is killed while it writes leaves half a step in its file, which its second
// start would do together with the next step. Mended as docs/redis-protocol.md says, as
// Restart does, the file has whole steps only.
func TestTornFile(t *testing.T) {
	s := redistest.Start(t, "--appendfsync", "always")
	o := redisq.Options{URL: secret.New(s.URL()), Prefix: freshPrefix()}
	e := open(t, o)
	accepted(t, e, inbox("ann"), item("one"))
	accepted(t, e, inbox("ann"), item("two"))
	commitOne(t, e)
	s.Kill()
	tear(t, s.Dir)
	s.Restart()
	for range 2 {
		commitOne(t, e)
	}
	s.Kill()
	s.Restart()
	e = open(t, o) // it has nothing in process
	untilAccepted(t, e, inbox("ann"), item("three"))
	d := takeOne(t, e, queue.ConsumeOptions{})
	if got := fmt.Sprintf("%s %s", d.Items[0].ID, d.Memory.Log); got != "three [one two]" {
		t.Errorf("next is %s", got)
	}
	if st, err := e.Stats(t.Context(), queue.Outbox); err != nil || st.Items != 2 {
		t.Errorf("outbox: %+v, %v; want two items", st, err)
	}
}

// commitOne handles the next item of the inbox: it is written down and sent on.
func commitOne(t *testing.T, e *redisq.Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Lease: childLease}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		cancel()
		return queue.Commit{
			Done: 1, Append: [][]byte{[]byte(d.Items[0].ID)},
			Out: []queue.Outgoing{{Key: lane("x"), Item: item("out " + d.Items[0].ID)}},
		}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// tear cuts the server's file off in the middle of its last step, a commit, behind what that
// adds to the memory.
func tear(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(text, []byte("out one"))
	if at < 0 {
		t.Fatalf("no commit in %s", text)
	}
	if err := os.Truncate(files[0], int64(at)); err != nil {
		t.Fatal(err)
	}
}
