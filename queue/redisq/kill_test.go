package redisq_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

const (
	// childURL, childPrefix, childTask and childName make the test binary a child that
	// works on an engine until it is killed.
	childURL    = "PARLEY_REDISQ_URL"
	childPrefix = "PARLEY_REDISQ_PREFIX"
	childTask   = "PARLEY_REDISQ_TASK"
	childName   = "PARLEY_REDISQ_NAME"

	childKeys = 6
	// childLease is short, so that the mailboxes of the dead come back soon.
	childLease = 500 * time.Millisecond
)

func inbox(owner string) queue.Key {
	return queue.Key{Box: queue.Inbox, Scope: "person", Owner: owner}
}

func lane(owner string) queue.Key {
	return queue.Key{Box: queue.Outbox, Scope: "chat", Account: "account", Owner: owner}
}

// child is the whole life of a child process; it does not end by itself.
func child(url string) int {
	ctx := context.Background()
	e, err := redisq.Open(ctx, redisq.Options{URL: secret.New(url), Prefix: os.Getenv(childPrefix)})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	tasks := map[string]func(context.Context, *redisq.Engine) error{"load": childLoad, "note": childNote}
	fmt.Println("error", tasks[os.Getenv(childTask)](ctx, e))
	return 1
}

// childLoad publishes in order in several mailboxes and tells each accepted item;
// its handlers, which take any child's, write down what they handled and send it on.
func childLoad(ctx context.Context, e *redisq.Engine) error {
	var mu sync.Mutex
	for k := range childKeys {
		go func() {
			owner := fmt.Sprint(os.Getenv(childName), k)
			for n := 0; ; {
				_, err := e.Publish(ctx, inbox(owner), queue.Item{ID: fmt.Sprint(owner, "-", n), Body: []byte(strconv.Itoa(n))})
				if err != nil {
					runtime.Gosched()
					continue // full or away for the moment; the same item again
				}
				mu.Lock()
				fmt.Println(owner, n)
				mu.Unlock()
				n++
			}
		}()
	}
	return e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 4, Batch: 3, Lease: childLease, MaxAttempts: 1000}, sendOn)
}

// sendOn writes the bodies it handles into the memory's log and into the owner's lane.
func sendOn(_ context.Context, d queue.Delivery) (queue.Commit, error) {
	c := queue.Commit{Done: len(d.Items)}
	for _, in := range d.Items {
		c.Append = append(c.Append, in.Body)
		c.Out = append(c.Out, queue.Outgoing{Key: lane(d.Key.Owner), Item: queue.Item{ID: "out " + in.ID, Body: in.Body}})
	}
	return c, nil
}

// childNote takes an item, leaves a note and never comes back.
func childNote(ctx context.Context, e *redisq.Engine) error {
	return e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Lease: childLease}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		err := d.SetNote(ctx, []byte(fmt.Sprint("begun ", d.Attempt)))
		fmt.Println("noted", err)
		<-ctx.Done()
		return queue.Commit{}, ctx.Err()
	})
}

// startChild starts a child whose lines go to told; kill ends it with -9 and waits.
func startChild(t *testing.T, url, prefix, task, name string, told func(line string)) (kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url, childPrefix+"="+prefix, childTask+"="+task, childName+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // a line that was cut off was not told
			}
			if strings.HasPrefix(line, "error") {
				t.Errorf("child said %q", line)
			}
			told(strings.TrimSpace(line))
		}
	}()
	return func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		<-read
		_ = cmd.Wait() // killed, as it should be
	}
}

// tally collects what the children were told is safe.
type tally struct {
	mu    sync.Mutex
	safe  map[string]int
	lines int
	more  chan struct{}
}

func (s *tally) told(line string) {
	owner, n, _ := strings.Cut(line, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.safe[owner], _ = strconv.Atoi(n)
	s.lines++
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// wait waits for n more lines.
func (s *tally) wait(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	want := s.lines + n
	s.mu.Unlock()
	limit := time.After(redistest.Patience)
	for {
		s.mu.Lock()
		enough := s.lines >= want
		s.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-s.more:
		case <-limit:
			t.Fatal("the children do not get on")
		}
	}
}

// TestKillLosesNothing kills processes in the middle of their work, while others
// work on the same mailboxes. Each mailbox must in the end have handled exactly its
// items, in order, at least as far as its child was told that they are safe, and
// have sent each on exactly once.
func TestKillLosesNothing(t *testing.T) {
	for name, url := range map[string]string{
		"one server": redistest.Start(t).URL(),
		"cluster":    redistest.ClusterURL(redistest.StartCluster(t)),
	} {
		t.Run(name, func(t *testing.T) {
			prefix := freshPrefix()
			s := &tally{safe: map[string]int{}, more: make(chan struct{}, 1)}
			kill := startChild(t, url, prefix, "load", "a", s.told)
			for _, next := range []string{"b", "c", "d", "e"} {
				killNext := startChild(t, url, prefix, "load", next, s.told)
				s.wait(t, 500)
				kill()
				kill = killNext
			}
			s.wait(t, 200)
			kill()
			checkAfterKill(t, redisq.Options{URL: secret.New(url), Prefix: prefix, MaxItems: 1 << 20, MaxPerKey: 1 << 20}, s.safe)
		})
	}
}

// TestServerKilledLosesNothing kills Redis itself under the same work, and starts it
// again on its append-only file, which it syncs before it answers.
func TestServerKilledLosesNothing(t *testing.T) {
	one := redistest.Start(t, "--appendfsync", "always")
	many := redistest.StartCluster(t, "--appendfsync", "always")
	for name, c := range map[string]struct {
		url   string
		nodes []*redistest.Server
	}{
		"one server": {one.URL(), []*redistest.Server{one, one, one}},
		"cluster":    {redistest.ClusterURL(many), many[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := freshPrefix()
			s := &tally{safe: map[string]int{}, more: make(chan struct{}, 1)}
			kills := []func(){startChild(t, c.url, prefix, "load", "a", s.told), startChild(t, c.url, prefix, "load", "b", s.told)}
			for _, node := range c.nodes {
				s.wait(t, 300)
				node.Kill()
				node.Restart()
			}
			s.wait(t, 300)
			for _, kill := range kills {
				kill()
			}
			checkAfterKill(t, redisq.Options{URL: secret.New(c.url), Prefix: prefix, MaxItems: 1 << 20, MaxPerKey: 1 << 20}, s.safe)
		})
	}
}

func checkAfterKill(t *testing.T, o redisq.Options, safe map[string]int) {
	t.Helper()
	e := open(t, o)
	for owner := range safe {
		if _, err := e.Publish(t.Context(), inbox(owner), queue.Item{ID: "end" + owner, Body: []byte("end")}); err != nil {
			t.Fatal(err)
		}
	}
	handled := make(chan []string)
	sent := map[string][]string{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	work := func(box queue.Box, slots int, h queue.Handler) {
		wg.Go(func() {
			if err := e.Consume(ctx, queue.ConsumeOptions{Box: box, Slots: slots, MaxAttempts: 1000}, h); err != nil {
				t.Errorf("consume: %v", err)
			}
		})
	}
	work(queue.Inbox, 8, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if string(d.Items[0].Body) != "end" {
			return sendOn(ctx, d)
		}
		log := []string{d.Key.Owner}
		for _, entry := range d.Memory.Log {
			log = append(log, string(entry))
		}
		handled <- log
		return queue.Commit{Done: 1}, nil
	})
	counts := map[string]int{}
	for range safe {
		log := <-handled
		counts[log[0]] = len(log) - 1
		inOrder(t, "handled by "+log[0], log[1:])
		if len(log)-1 <= safe[log[0]] {
			t.Errorf("mailbox %s: %d items handled, but item %d was accepted", log[0], len(log)-1, safe[log[0]])
		}
	}
	work(queue.Outbox, 1, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		sent[d.Key.Owner] = append(sent[d.Key.Owner], string(d.Items[0].Body))
		return queue.Commit{Done: 1}, nil
	})
	redistest.WaitFor(t, "outbox is empty", func() error {
		if s, err := e.Stats(t.Context(), queue.Outbox); err != nil || s.Items > 0 {
			return fmt.Errorf("%+v %w", s, err)
		}
		return nil
	})
	cancel()
	wg.Wait()
	for owner, n := range counts {
		inOrder(t, "sent by "+owner, sent[owner])
		if len(sent[owner]) != n {
			t.Errorf("%s: %d items handled, %d sent on", owner, n, len(sent[owner]))
		}
	}
}

// inOrder checks that the numbers are 0, 1, 2 and so on, each once.
func inOrder(t *testing.T, what string, found []string) {
	t.Helper()
	for i, n := range found {
		if n != strconv.Itoa(i) {
			t.Errorf("%s: entry %d is %s", what, i, n)
			return
		}
	}
}

// TestKillCountsAsAttempt kills holders: each death is an attempt, and the last note
// stays.
func TestKillCountsAsAttempt(t *testing.T) {
	o := redisq.Options{URL: secret.New(redistest.Start(t).URL()), Prefix: freshPrefix()}
	e := open(t, o)
	if _, err := e.Publish(t.Context(), inbox("ann"), queue.Item{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		noted := make(chan string, 1)
		kill := startChild(t, o.URL.Reveal(), o.Prefix, "note", "", func(line string) { noted <- line })
		if line := <-noted; line != "noted <nil>" {
			t.Fatalf("child said %q", line)
		}
		kill()
	}
	got := takeOne(t, e, queue.ConsumeOptions{MaxAttempts: 4})
	if got.Attempt != 3 || string(got.Note) != "begun 2" {
		t.Errorf("attempt %d with note %q, want attempt 3 with the note of the second", got.Attempt, got.Note)
	}
}

// takeOne gives the next delivery of the inbox and hands it back.
func takeOne(t *testing.T, e *redisq.Engine, o queue.ConsumeOptions) queue.Delivery {
	t.Helper()
	o.Box, o.Slots, o.Grace = queue.Inbox, 1, 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
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
