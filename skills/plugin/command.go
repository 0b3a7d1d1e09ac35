package plugin

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/parley-hub/parley/skills/program"
)

// Program is what is to be started.
type Program struct {
	// Path is the executable, which nobody changes any more.
	Path string
	// Dir is a folder of the process's own: its working directory and its TMPDIR. The
	// socket over which it is asked lies in it.
	Dir string
	// Env is its whole environment.
	Env []string
	// Memory is how many bytes its manifest asks for; 0 for the default.
	Memory int64
}

// Command prepares the start of a program. The command is not started, has no streams set,
// and killing its process group ends all of it.
type Command func(p Program) (*exec.Cmd, error)

// Plain starts a program as it is, in a process group of its own. It contains nothing.
func Plain(p Program) (*exec.Cmd, error) {
	cmd := exec.Command(p.Path) //nolint:gosec,noctx // the file was checked against the allow-list, and the runner ends it
	cmd.Dir, cmd.Env = p.Dir, p.Env
	program.Group(cmd)
	return cmd, nil
}

// child is one process, as go-plugin wants to run it.
type child struct {
	program Program
	command Command

	mu     sync.Mutex
	cmd    *exec.Cmd // nil until it was started
	killed bool

	stdin          io.WriteCloser
	stdout, stderr io.ReadCloser

	once sync.Once
	done chan struct{} // closed when the process was waited for
}

var _ runner.Runner = (*child)(nil)

// The tries to start a file that some other start of this hub still holds open for writing:
// a fork takes all descriptors until its exec.
const (
	busyTries = 20
	busyWait  = 10 * time.Millisecond
)

// Start implements runner.Runner.
func (c *child) Start(ctx context.Context) error {
	for try := 1; ; try++ {
		err := c.start()
		if err == nil || !errors.Is(err, syscall.ETXTBSY) || try == busyTries {
			return err
		}
		select {
		case <-time.After(busyWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *child) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return context.Canceled
	}
	cmd, err := c.command(c.program)
	if err != nil {
		return err
	}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if c.stdout, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	if c.stderr, err = cmd.StderrPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd = cmd
	return nil
}

// Wait implements runner.AttachedRunner.
func (c *child) Wait(context.Context) error {
	err := c.cmd.Wait()
	c.once.Do(func() { close(c.done) })
	return err
}

// Kill implements runner.AttachedRunner: it ends the process with all it has started. What
// has left its group may hold the pipes open, so they are closed soon after.
func (c *child) Kill(context.Context) error {
	c.end()
	return nil
}

func (c *child) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil && !c.killed {
		_ = program.Kill(c.cmd.Process) // or it has ended
		time.AfterFunc(time.Second, func() {
			_ = c.stdout.Close()
			_ = c.stderr.Close()
		})
	}
	c.killed = true
}

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr implements runner.Runner.
func (c *child) Stderr() io.ReadCloser { return c.stderr }

// Name implements runner.Runner.
func (c *child) Name() string { return c.program.Path }

// ID implements runner.AttachedRunner.
func (c *child) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return ""
	}
	return strconv.Itoa(c.cmd.Process.Pid)
}

// Diagnose implements runner.Runner.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
