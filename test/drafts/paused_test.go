package drafts

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/test/redistest"
)

// What makes the test binary a node of its own: a process that can be paused.
const (
	childTask  = "PARLEY_DRAFTS_TASK"
	childName  = "PARLEY_DRAFTS_NAME"
	childRedis = "PARLEY_DRAFTS_REDIS"
	childURL   = "PARLEY_DRAFTS_PLATFORM"
)

// What a child does. It stops itself, once, where the tasks say.
const (
	// taskAnswer answers and delivers.
	taskAnswer = "answer"
	// taskDraft does too, and stops when it is about to see whether it may change a draft.
	taskDraft = "draft"
	// taskSend delivers, and stops when it has noted that it is about to send.
	taskSend = "send"
)

// child is the whole life of a child; it ends when its input does.
func child() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	task := os.Getenv(childTask)
	n, err := newNode(ctx, os.Getenv(childName), os.Getenv(childRedis), os.Getenv(childURL), false, func(q queue.Queue) queue.Queue {
		return &stopping{Queue: q, task: task}
	})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	parts := []func(context.Context) error{n.deliverer.Run}
	if task != taskSend {
		parts = append(parts, n.dispatcher.Run)
	}
	wait := run(ctx, parts...)
	fmt.Println("up")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	cancel()
	if err := wait(); err != nil {
		fmt.Println("error", err)
	}
	if err := n.close(); err != nil {
		fmt.Println("error", err)
	}
	return 0
}

// stopping is a queue whose user is stopped in the middle of its work.
type stopping struct {
	queue.Queue
	task string
	once sync.Once
	// looks counts how often a draft's turn was asked whether its lease holds.
	looks atomic.Int64
}

// fourthLook is the one before the second edit of the first answer: a draft is placed
// after the first look, and each edit takes two.
const fourthLook = 4

// stop pauses this process, as kill -STOP does. The signal goes to the thread that sends
// it, which therefore goes no further.
func (q *stopping) stop() {
	q.once.Do(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		fmt.Println("stopping")
		_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(syscall.SIGSTOP))
	})
}

func (q *stopping) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	return q.Queue.Consume(ctx, o, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		left, note := d.Left, d.SetNote
		if o.Box == queue.Inbox && q.task == taskDraft {
			d.Left = func() time.Duration {
				if q.looks.Add(1) == fourthLook {
					q.stop()
				}
				return left()
			}
		}
		d.SetNote = func(ctx context.Context, text []byte) error {
			err := note(ctx, text)
			if err == nil && q.task == taskSend {
				q.stop()
			}
			return err
		}
		c, err := h(ctx, d)
		fmt.Println("back", o.Box, err)
		return c, err
	})
}

// process is a child.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	end   func()
}

// spawn starts a child and waits until it is up.
func spawn(t *testing.T, task, name, redis string, p *platform) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childName+"="+name, childRedis+"="+redis, childURL+"="+p.URL)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &process{t: t, cmd: cmd, lines: make(chan string, 10_000)}
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	c.end = sync.OnceFunc(func() {
		_ = in.Close()
		for line := range c.lines {
			if strings.HasPrefix(line, "error") {
				t.Errorf("%s said %q", name, line)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	t.Cleanup(c.end)
	c.says("up")
	return c
}

// says waits for a line that begins so.
func (c *process) says(want string) {
	c.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("it ended before it said %q", want)
			}
			if strings.HasPrefix(line, want) {
				return
			}
		case <-limit:
			c.t.Fatalf("it never said %q", want)
		}
	}
}

func (c *process) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Error(err)
	}
}

// other makes a node in this process.
func other(t *testing.T, redis string, p *platform) *node {
	t.Helper()
	n, err := newNode(t.Context(), "B", redis, p.URL, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestPausedBeforeEdit: a node is paused when it is about to change a draft, for longer
// than its lease. Another answers. When the first wakes up, it leaves the final alone,
// and goes on with what comes.
func TestPausedBeforeEdit(t *testing.T) {
	p, redis := newPlatform(t), redistest.Start(t).URL()
	b := other(t, redis, p)
	a := spawn(t, taskDraft, "A", redis, p)
	say(t, []*node{b}, 1, 0, 1)
	a.says("stopping")
	end := begin(t, b.dispatcher.Run, b.deliverer.Run)
	p.until(t, "the other answers", func() bool { return len(p.finals) == 1 })
	end()
	a.signal(syscall.SIGCONT)
	a.says("back inbox")
	// One goroutine changes the drafts of a chat: once the next answer grows, what it was
	// about to do with the one before is done or left.
	say(t, []*node{b}, 1, 1, 2)
	p.until(t, "it goes on", func() bool { return len(p.finals) == 2 })
	a.end()
	if stray := p.check(t, 1, 2); stray+len(p.overwritten) > 0 {
		t.Errorf("%d drafts were left behind, overwritten by %+v", stray, p.overwritten)
	}
	if p.by("A", "edit") == 0 || p.by("B", "edit") == 0 {
		t.Errorf("%+v", p.calls)
	}
}

// TestPausedBeforeSend: a node is paused after it noted that it is about to send, for
// longer than its lease. Another finds out that nothing stands, and sends. When the first
// wakes up it does not.
func TestPausedBeforeSend(t *testing.T) {
	p, redis := newPlatform(t), redistest.Start(t).URL()
	b := other(t, redis, p)
	a := spawn(t, taskSend, "A", redis, p)
	e := says(0, 0)
	body, err := core.EncodeReply(core.Reply{ID: "x.0", Final: true, To: e.In, Parts: []core.Part{core.Text{Text: "done 0"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.queue.Publish(t.Context(), queue.Lane(e.In), queue.Item{ID: "x.0", Body: body}); err != nil {
		t.Fatal(err)
	}
	a.says("stopping")
	end := begin(t, b.deliverer.Run)
	p.until(t, "the other sends", func() bool { return len(p.finals) == 1 })
	end()
	a.signal(syscall.SIGCONT)
	a.says("back outbox")
	a.end()
	p.check(t, 1, 1)
	if n := p.by("A", "send"); n != 0 || p.by("B", "find") == 0 {
		t.Errorf("A sent %d times; %+v", n, p.calls)
	}
	if s, err := b.queue.Stats(t.Context(), queue.Outbox); err != nil || s.Items+s.Dead != 0 {
		t.Errorf("the outbox holds %+v: %v", s, err)
	}
}

// TestPausedAnywhere: two nodes take turns in being paused, wherever they are, until the
// other has had the time to take over what the paused one held. A call that a pause holds
// up behind the last look at the clock cannot be stopped; then the final is shown again.
func TestPausedAnywhere(t *testing.T) {
	const chats, each, pauses = 20, 6, 6
	p, redis := newPlatform(t), redistest.Start(t).URL()
	b := other(t, redis, p)
	children := []*process{spawn(t, taskAnswer, "A", redis, p), spawn(t, taskAnswer, "C", redis, p)}
	say(t, []*node{b}, chats, 0, each)
	defer func() {
		if t.Failed() {
			for _, box := range []queue.Box{queue.Inbox, queue.Outbox} {
				s, err := b.queue.Stats(context.Background(), box)
				t.Logf("%s %+v %v", box, s, err)
			}
		}
	}()
	for n := range pauses {
		from := rand.IntN(40)
		p.until(t, "work goes on", func() bool { return len(p.calls) >= n*120+from || len(p.finals) == chats*each })
		paused := children[n%2]
		paused.signal(syscall.SIGSTOP)
		p.until(t, "the other goes on", func() bool { return len(p.finals) >= min((n+1)*chats*each/pauses, chats*each) })
		paused.signal(syscall.SIGCONT)
	}
	p.until(t, "all is answered", func() bool { return len(p.finals) == chats*each && p.lastWords() == chats*each })
	for _, c := range children {
		c.end()
	}
	// A message that was on its way when its sender was paused is nobody's any more: no
	// more of them than there were turns under way.
	if stray := p.check(t, chats, each); stray > pauses*chats {
		t.Errorf("%d drafts were left behind", stray)
	} else {
		t.Logf("%d drafts were left behind, %d finals shown again, by %d pauses", stray, len(p.overwritten), pauses)
	}
}
