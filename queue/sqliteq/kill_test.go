package sqliteq_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

const (
	// childDir and childTask make the test binary a child that works on an engine
	// until it is killed.
	childDir  = "PARLEY_SQLITEQ_DIR"
	childTask = "PARLEY_SQLITEQ_TASK"

	childKeys = 8
)

func inbox(owner string) queue.Key {
	return queue.Key{Box: queue.Inbox, Scope: "person", Owner: owner}
}

// child is the whole life of a child process; it does not end by itself.
func child(dir string) int {
	ctx := context.Background()
	e, err := sqliteq.Open(ctx, sqliteq.Options{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	tasks := map[string]func(context.Context, *sqliteq.Engine) error{"load": childLoad, "note": childNote}
	fmt.Println("error", tasks[os.Getenv(childTask)](ctx, e))
	return 1
}

// childLoad publishes in order in several mailboxes and tells each accepted item;
// its handlers write down what they handled.
func childLoad(ctx context.Context, e *sqliteq.Engine) error {
	var mu sync.Mutex
	for k := range childKeys {
		go func() {
			for n := 0; ; n++ {
				_, err := e.Publish(ctx, inbox(strconv.Itoa(k)), queue.Item{ID: fmt.Sprint(k, "-", n), Body: []byte(strconv.Itoa(n))})
				if err != nil {
					continue // full for the moment; the same item again
				}
				mu.Lock()
				fmt.Println(k, n)
				mu.Unlock()
			}
		}()
	}
	return e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4}, appendBody)
}

// appendBody writes the bodies it handles into the memory's log.
func appendBody(_ context.Context, d queue.Delivery) (queue.Commit, error) {
	c := queue.Commit{Done: len(d.Items)}
	for _, in := range d.Items {
		c.Append = append(c.Append, in.Body)
	}
	return c, nil
}

// childNote takes an item, leaves a note and never comes back.
func childNote(ctx context.Context, e *sqliteq.Engine) error {
	return e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		err := d.SetNote(ctx, []byte(fmt.Sprint("begun ", d.Attempt)))
		fmt.Println("noted", err)
		<-ctx.Done()
		return queue.Commit{}, ctx.Err()
	})
}

// startChild starts a child; kill ends it with -9 and waits.
func startChild(t *testing.T, dir, task string) (lines *bufio.Reader, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childTask+"="+task)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines = bufio.NewReader(out)
	return lines, func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		if _, err := io.Copy(io.Discard, lines); err != nil {
			t.Errorf("read rest: %v", err)
		}
		_ = cmd.Wait() // killed, as it should be
	}
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("child said %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// TestKillLosesNothing kills a process in the middle of its work, several times
// over the same data. Each mailbox must in the end have handled exactly its
// items, in order, at least as far as the child was told that they are safe.
func TestKillLosesNothing(t *testing.T) {
	for round := range 3 {
		dir := t.TempDir()
		lines, kill := startChild(t, dir, "load")
		safe := map[string]int{}
		for range 300 * (round + 1) {
			k, n, _ := strings.Cut(readLine(t, lines), " ")
			safe[k], _ = strconv.Atoi(n)
		}
		kill()
		checkAfterKill(t, dir, safe)
	}
}

func checkAfterKill(t *testing.T, dir string, safe map[string]int) {
	t.Helper()
	e := open(t, sqliteq.Options{Dir: dir, MaxPerKey: 1 << 20})
	for k := range childKeys {
		if _, err := e.Publish(t.Context(), inbox(strconv.Itoa(k)), queue.Item{ID: fmt.Sprint("end", k), Body: []byte("end")}); err != nil {
			t.Fatal(err)
		}
	}
	logs := make(chan []string, childKeys)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Batch: 4}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
			if string(d.Items[0].Body) == "end" {
				log := []string{d.Key.Owner}
				for _, entry := range d.Memory.Log {
					log = append(log, string(entry))
				}
				logs <- log
				return queue.Commit{Done: 1}, nil
			}
			if last := len(d.Items) - 1; string(d.Items[last].Body) == "end" {
				d.Items = d.Items[:last]
			}
			return appendBody(ctx, d)
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	for range childKeys {
		log := <-logs
		for i, n := range log[1:] {
			if n != strconv.Itoa(i) {
				t.Errorf("mailbox %s: entry %d is %s", log[0], i, n)
				break
			}
		}
		if len(log)-1 <= safe[log[0]] {
			t.Errorf("mailbox %s: %d items handled, but item %d was accepted", log[0], len(log)-1, safe[log[0]])
		}
	}
	cancel()
	wg.Wait()
}

// TestKillCountsAsAttempt kills holders: each death is an attempt, the last note
// stays, and past the limit the item is buried.
func TestKillCountsAsAttempt(t *testing.T) {
	dir := t.TempDir()
	e := open(t, sqliteq.Options{Dir: dir})
	if _, err := e.Publish(t.Context(), inbox("ann"), queue.Item{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		lines, kill := startChild(t, dir, "note")
		if line := readLine(t, lines); line != "noted <nil>" {
			t.Fatalf("child said %q", line)
		}
		kill()
	}
	e = open(t, sqliteq.Options{Dir: dir})
	got := takeOne(t, e, queue.ConsumeOptions{MaxAttempts: 4})
	if got.Attempt != 3 || string(got.Note) != "begun 2" {
		t.Errorf("attempt %d with note %q, want attempt 3 with the note of the second", got.Attempt, got.Note)
	}
}

// takeOne gives the next delivery of the inbox and hands it back.
func takeOne(t *testing.T, e *sqliteq.Engine, o queue.ConsumeOptions) queue.Delivery {
	t.Helper()
	o.Box, o.Slots, o.Grace = queue.Inbox, 1, 1
	ctx, cancel := context.WithCancel(t.Context())
	var got queue.Delivery
	if err := e.Consume(ctx, o, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		got = d
		cancel()
		<-ctx.Done()
		return queue.Commit{}, ctx.Err()
	}); err != nil {
		t.Fatalf("consume: %v", err)
	}
	return got
}
