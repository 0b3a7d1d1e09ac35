// Package hubtest runs the real parley binary as a child process, against the
// platform simulator and the fake model worker, for tests that need a whole hub:
// one that can be killed, stopped and started again.
package hubtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for something that must happen.
const Patience = time.Minute

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-test")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "parley")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/parley-hub/parley/cmd/parley").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// Binary builds the hub once per test process and tells where it is.
func Binary(tb testing.TB) string {
	tb.Helper()
	bin, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return bin
}

// Cleanup removes the binary; TestMain calls it last.
func Cleanup() {
	if bin, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
}

// Serve serves a handler on a loopback port until the test ends and gives its
// address with scheme.
func Serve(tb testing.TB, h http.Handler) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	serve(tb, l, h)
	return "http://" + l.Addr().String()
}

// ServeAt serves a handler at an address that was given out before, until the test
// ends.
func ServeAt(tb testing.TB, address string, h http.Handler) {
	tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	serve(tb, l, h)
}

func serve(tb testing.TB, l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	tb.Cleanup(func() {
		_ = s.Close()
		<-done
	})
}

// given are the ports that FreeAddress gave out: none is given twice.
var given sync.Map

// FreeAddress gives a loopback address that was free a moment ago and that nobody
// gets by chance: it lies below the ports that systems draw from.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(15_000))
		if _, taken := given.LoadOrStore(address, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	tb.Fatal("no free port")
	return ""
}

// Hub is a hub in a directory; at most one process of it runs at a time.
type Hub struct {
	tb      testing.TB
	Dir     string
	Address string
	args    []string
	env     []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
	lines []string
}

// New prepares a hub with this configuration; without one it is the playground.
// "DIR" and "ADDRESS" in the text stand for the data directory and the listener.
func New(tb testing.TB, config string, env ...string) *Hub {
	tb.Helper()
	h := &Hub{tb: tb, Dir: tb.TempDir(), Address: FreeAddress(tb), env: env}
	if config != "" {
		config = strings.NewReplacer("DIR", filepath.Join(h.Dir, "data"), "ADDRESS", h.Address).Replace(config)
		file := filepath.Join(h.Dir, "parley.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			tb.Fatal(err)
		}
		h.args = []string{"serve", "--config", file}
	} else {
		h.env = append(h.env, "PARLEY_HTTP_LISTEN="+h.Address)
	}
	tb.Cleanup(func() { h.Kill() })
	return h
}

// Pair links an account of the hub with the command that operators use. scan is what the
// account's phone does with a code.
func (h *Hub) Pair(account string, scan func(ctx context.Context, code string) error) {
	h.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(h.tb), append([]string{"pair", "--text", account}, h.args[1:]...)...)
	cmd.Dir, cmd.Env = h.Dir, append(os.Environ(), h.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		h.tb.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		h.tb.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		h.tb.Errorf("no code is shown")
	} else if err := scan(ctx, lines.Text()); err != nil {
		h.tb.Errorf("the code does not link: %v", err)
	}
	for lines.Scan() { // what it says when it is done
	}
	if err := cmd.Wait(); err != nil {
		h.tb.Fatalf("parley pair: %v\n%s", err, &errOut)
	}
}

// Run runs another of the hub's commands, with its configuration, and gives what it prints.
func (h *Hub) Run(ctx context.Context, command ...string) (string, error) {
	cmd := exec.CommandContext(ctx, Binary(h.tb), append(command, h.args[1:]...)...)
	cmd.Dir, cmd.Env = h.Dir, append(os.Environ(), h.env...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("parley %s: %w: %s", command[0], err, &errOut)
	}
	return string(out), nil
}

// SetEnv sets what the next process has in its environment besides the test's own.
func (h *Hub) SetEnv(env ...string) { h.env = env }

// StartWith starts the process with a command line of the caller's own.
func (h *Hub) StartWith(args ...string) {
	h.tb.Helper()
	h.args = args
	h.Start()
}

// Start starts the process; it does not wait for it.
func (h *Hub) Start() {
	h.tb.Helper()
	cmd := exec.Command(Binary(h.tb), h.args...)
	cmd.Dir = h.Dir
	cmd.Env = append(os.Environ(), h.env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		h.tb.Fatal(err)
	}
	cmd.Stdout = io.Discard
	if err := cmd.Start(); err != nil {
		h.tb.Fatal(err)
	}
	ended := make(chan struct{})
	h.mu.Lock()
	h.cmd, h.ended = cmd, ended
	h.mu.Unlock()
	go func() {
		defer close(ended)
		h.read(stderr)
		err := cmd.Wait()
		h.mu.Lock()
		h.err = err
		h.mu.Unlock()
	}()
}

func (h *Hub) read(stderr io.Reader) {
	s := bufio.NewScanner(stderr)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		h.mu.Lock()
		h.lines = append(h.lines, s.Text())
		h.mu.Unlock()
	}
}

// Lines gives the log so far, of all processes of this hub.
func (h *Hub) Lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// Count tells how many lines of the log hold the words.
func (h *Hub) Count(words string) int {
	n := 0
	for _, l := range h.Lines() {
		if strings.Contains(l, words) {
			n++
		}
	}
	return n
}

// client leaves no connection behind that would outlive its hub.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Get asks the hub's own server.
func (h *Hub) Get(path string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.Address+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	_, err = body.ReadFrom(io.LimitReader(res.Body, 4<<20))
	return res.StatusCode, body.String(), err
}

// WaitReady waits until the hub says that it is ready.
func (h *Hub) WaitReady() {
	h.tb.Helper()
	late := time.Now().Add(Patience)
	for time.Now().Before(late) {
		if status, _, err := h.Get("/readyz"); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-h.ended:
			h.tb.Fatalf("the hub ended: %v\n%s", h.err, strings.Join(h.Lines(), "\n"))
		case <-time.After(5 * time.Millisecond):
		}
	}
	_, body, _ := h.Get("/readyz")
	h.tb.Fatalf("the hub is not ready: %s\n%s", body, strings.Join(h.Lines(), "\n"))
}

// PID is that of the process that was started last; 0 when none was.
func (h *Hub) PID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd == nil {
		return 0
	}
	return h.cmd.Process.Pid
}

// Ended is closed when the process that was started last has ended.
func (h *Hub) Ended() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

// Signal sends a signal to the process.
func (h *Hub) Signal(sig os.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.cmd.Process.Signal(sig) // it may have ended
}

// Kill ends the process as kill -9 does, if one runs.
func (h *Hub) Kill() {
	h.mu.Lock()
	cmd, ended := h.cmd, h.ended
	h.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	<-ended
}

// Stop ends the process as an operator does and gives its exit code.
func (h *Hub) Stop() int {
	h.tb.Helper()
	h.Terminate()
	return h.WaitEnd()
}

// Terminate tells the process to end and does not wait for it.
func (h *Hub) Terminate() {
	h.tb.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.tb.Fatal(err)
	}
}

// Result is what a command that ended said.
type Result struct {
	Code        int
	Out, ErrOut string
}

// Run runs the binary to its end in a folder, with nothing but env as environment.
func Run(tb testing.TB, dir string, env []string, args ...string) Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(tb), args...)
	cmd.Dir, cmd.Env = dir, env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		tb.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, &errOut)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Out: out.String(), ErrOut: errOut.String()}
}

// WaitEnd waits for the process to end and gives its exit code.
func (h *Hub) WaitEnd() int {
	h.tb.Helper()
	select {
	case <-h.ended:
	case <-time.After(Patience):
		h.tb.Fatalf("the hub did not end\n%s", strings.Join(h.Lines(), "\n"))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var exit *exec.ExitError
	switch {
	case h.err == nil:
		return 0
	case errors.As(h.err, &exit):
		return exit.ExitCode()
	default:
		h.tb.Fatal(h.err)
		return -1
	}
}
