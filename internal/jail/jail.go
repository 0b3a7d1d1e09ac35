// Package jail starts a program that somebody else wrote so that it can harm nobody: it
// sees its own folder and nothing else, reaches no network, starts nothing, and ends with
// the hub. What of that holds depends on the system, and Enforced says it layer by layer.
//
// On Linux the program is started in two steps. The hub's own binary runs again as the
// launcher (Main), in namespaces of its own; it builds the walls around itself and then
// becomes the program. A program that runs in a jail therefore calls Main first of all.
//
// The layers overlap on purpose: a kernel that refuses one of them leaves the others.
package jail

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// What a program gets when its Options name nothing else.
const (
	// DefaultMemory leaves a Go program some 200 MiB of its own: Go itself takes 40.
	DefaultMemory = 256 << 20
	// DefaultProcesses is for the threads of one Go program.
	DefaultProcesses = 128
	// DefaultFiles is how many descriptors it may have open.
	DefaultFiles = 128
	// DefaultFileSize is the largest file that it may write.
	DefaultFileSize = 8 << 20
)

// waitDelay is how long Wait goes on reading from what a killed program left open.
const waitDelay = 5 * time.Second

// Options say what to start and what it may use.
type Options struct {
	// Path is the program. It may not lie in Dir, where the program could change it.
	Path string
	// Args are its arguments, without its own name.
	Args []string
	// Dir is the folder it owns: working folder, HOME and TMPDIR. It must exist. As root,
	// Command gives it to Owner.
	Dir string
	// Env is its whole environment as NAME=value, besides HOME and TMPDIR. What is added to
	// the command's later is dropped, unless it has one of these names.
	Env []string
	// Stdin leaves it the command's standard input; else its input is empty.
	Stdin bool
	// ReadOnly are files and folders that it may read and execute, such as the shared
	// libraries of a program that is not static.
	ReadOnly []string

	// Memory bounds what it may allocate, in bytes. A Go program begins with 48 MiB.
	Memory int64
	// Processes bounds its threads.
	Processes int
	// Files bounds its open descriptors.
	Files int
	// FileSize bounds each file that it writes, in bytes. The number of files is not bounded.
	FileSize int64
	// CPU bounds the processor time of its whole life; 0 is no bound.
	CPU time.Duration
}

// Command makes the command that runs a program in a jail, and says what will hold. The
// command is not started; its output is the caller's to read and to bound. When ctx ends,
// the program is killed with all its children.
//
// Start it from a goroutine that is not locked to its thread: on Linux the program also
// dies with the thread that started it. A layer that held when the system was asked and
// fails now ends the program before it begins, with exit code 126 and the reason on
// standard error.
//
// The fault needs a human: the program cannot be run.
func Command(ctx context.Context, o Options) (*exec.Cmd, Enforced, error) {
	const op = "start a program in a jail"
	o, err := o.complete()
	if err != nil {
		return nil, nil, fault.New(fault.NeedsHuman, op, err)
	}
	s, err := here.look(ctx)
	if err != nil {
		return nil, nil, fault.New(fault.ClassOf(err), op, err)
	}
	e := s.enforced()
	cmd, err := s.command(ctx, o)
	if err != nil {
		return nil, e, fault.New(fault.NeedsHuman, op, err)
	}
	return cmd, e, nil
}

// Probe says what holds on this system. The first call tries it, by a launcher that
// starts nothing; later ones remember.
func Probe(ctx context.Context) (Enforced, error) {
	s, err := here.look(ctx)
	if err != nil {
		return nil, fault.New(fault.ClassOf(err), "look what a jail can hold", err)
	}
	return s.enforced(), nil
}

// Kill ends a program at once, with what it started. A program that was never started is
// no error, nor is one that has ended; do not wait long with it then, since the system
// gives the number of a process to another one day.
func Kill(cmd *exec.Cmd) error {
	if cmd.Process == nil {
		return nil
	}
	// It leads its own group, and its first process is pid 1 of its namespace, where there
	// is one: whatever left the group dies with that.
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) && cmd.ProcessState != nil {
		return nil
	}
	return err
}

// Owner is the user and group that a program with this folder runs as, where the hub is
// root: one of the numbers that no distribution gives to a person or a service, and small
// enough for a container's. Two folders may share one.
func Owner(dir string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir)) // never fails
	const first, last = 60578, 61183
	return first + int(h.Sum32()%(last-first+1))
}

// complete checks the options and fills in what they leave open. Paths become absolute
// and lose their links: inside, only the real ones exist.
func (o Options) complete() (Options, error) {
	var err error
	if o.Path, err = actual(o.Path); err != nil {
		return o, fmt.Errorf("program: %w", err)
	}
	if o.Dir, err = actual(o.Dir); err != nil {
		return o, fmt.Errorf("folder: %w", err)
	}
	if info, err := os.Stat(o.Dir); err != nil || !info.IsDir() {
		return o, errors.Join(fmt.Errorf("%s is no folder", o.Dir), err)
	}
	if o.Dir == "/" || within(o.Path, o.Dir) {
		return o, fmt.Errorf("%s lies in %s, which the program may write", o.Path, o.Dir)
	}
	o.ReadOnly = slices.Clone(o.ReadOnly)
	for i, p := range o.ReadOnly {
		if o.ReadOnly[i], err = filepath.Abs(p); err != nil {
			return o, fmt.Errorf("read only: %w", err)
		}
		if within(o.Dir, o.ReadOnly[i]) {
			return o, fmt.Errorf("%s holds the folder %s, which the program may write", p, o.Dir)
		}
	}
	for _, v := range o.Env {
		if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
			return o, errors.New("an entry of the environment is not NAME=value")
		}
	}
	orElse(&o.Memory, DefaultMemory)
	orElse(&o.Processes, DefaultProcesses)
	orElse(&o.Files, DefaultFiles)
	orElse(&o.FileSize, DefaultFileSize)
	return o, nil
}

func orElse[N int | int64](n *N, otherwise N) {
	if *n <= 0 {
		*n = otherwise
	}
}

// actual is a path without links.
func actual(path string) (string, error) {
	if path == "" {
		return "", errors.New("is not named")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// within tells whether path is dir or lies below it; both are clean and absolute.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
