package mcp

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/skills/program"
)

// Program is what is to be started.
type Program struct {
	// Path is the executable, Args are its arguments.
	Path string
	Args []string
	// Dir is a folder of the process's own: its working directory.
	Dir string
	// Env is its whole environment.
	Env []string
	// Trusted and ReadOnly are as in Server.
	Trusted  bool
	ReadOnly []string
}

// Command prepares the start of a program. The command is not started and has no streams
// set. When ctx ends, the program is killed with all it started.
type Command func(ctx context.Context, p Program) (*exec.Cmd, error)

// Plain starts a program as it is, in a process group of its own. It contains nothing.
func Plain(ctx context.Context, p Program) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, p.Path, p.Args...) //nolint:gosec // the operator names it
	cmd.Dir, cmd.Env = p.Dir, append([]string{"HOME=" + p.Dir, "TMPDIR=" + p.Dir}, p.Env...)
	program.Group(cmd)
	cmd.Cancel = func() error { return program.Kill(cmd.Process) }
	return cmd, nil
}

// pipesLast is how long the streams of a program that ended are read, which something that
// it left behind may hold open.
const pipesLast = time.Second

// process is a running server and its streams.
type process struct {
	dir    string
	kill   context.CancelFunc
	grace  time.Duration
	stdin  io.WriteCloser
	stdout *os.File
	from   *meter
	line   int
	words  *program.Tail
	done   chan struct{} // closed when it was waited for
	once   sync.Once
}

var _ wire = (*process)(nil)

// startProcess starts a server's program, with a folder of its own in this one.
func startProcess(o *Options, in string, s Server) (*process, error) {
	path, err := exec.LookPath(s.Command[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(in, "")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, grace: o.Times.Grace, line: int(o.Limits.Message), words: &program.Tail{}, done: make(chan struct{})}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		env = append(env, name+"="+s.Env[name].Reveal())
	}
	life, kill := context.WithCancel(context.Background())
	p.kill = kill
	cmd, err := o.Command(life, Program{
		Path: path, Args: s.Command[1:], Dir: dir, Env: env, Trusted: s.Trusted, ReadOnly: s.ReadOnly,
	})
	if err == nil {
		err = p.start(cmd)
	}
	if err != nil {
		kill()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.from = newMeter(p.stdout, o.Limits)
	return p, nil
}

// start starts the command and waits for its end aside.
func (p *process) start(cmd *exec.Cmd) error {
	// A pipe of our own: that of exec is closed when the program ends, with its last words
	// in it.
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = in, p.words, pipesLast
	if p.stdin, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, out.Close())
	}
	p.stdout = out
	go func() {
		_ = cmd.Wait()
		if cmd.Cancel != nil {
			_ = cmd.Cancel() // what it started and left behind
		}
		close(p.done)
		// What it left behind may hold its output open: nobody reads it for long.
		time.AfterFunc(pipesLast, func() { _ = out.Close() })
	}()
	return nil
}

// transport implements wire.
func (p *process) transport() sdk.Transport {
	return &sdk.IOTransport{Reader: p.from, Writer: p.stdin, MaxLineLength: p.line}
}

// end implements wire: the end of its input asks the program to end, then it is killed with
// all it started.
func (p *process) end() {
	p.once.Do(func() {
		_ = p.stdin.Close()
		timer := time.NewTimer(p.grace)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
		p.kill()
		<-p.done
		_ = p.stdout.Close()
		_ = os.RemoveAll(p.dir)
	})
}

// cut implements wire.
func (p *process) cut() {
	p.kill()
	p.end()
}

// why implements wire.
func (p *process) why() error { return p.from.why() }

// said implements wire.
func (p *process) said() string { return strings.TrimSpace(p.words.String()) }
