package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// mark is the launcher's own name, by which Main knows it.
const mark = "parley-jail"

// The launcher's exit codes, as shells use them: what could not be made ready, and a
// program that could not be run.
const exitJail = 126

// plan is what the hub tells the launcher. It stands in the launcher's arguments, where
// other processes can read it: values of the environment are not in it.
type plan struct {
	Path     string
	Args     []string
	Dir      string
	Env      []string // names that may pass
	Stdin    bool
	ReadOnly []string

	Memory    int64
	Processes int
	Files     int
	FileSize  int64
	CPU       int64 // seconds

	ID     int // the user to become; 0 stays who it is
	Parent int
	// Alone tells that the launcher has a mount namespace of its own.
	Alone  bool
	Layers []Layer
	// Probe tries all, tells what failed, and starts nothing.
	Probe bool
}

func (o Options) plan() plan {
	p := plan{
		Path: o.Path, Args: o.Args, Dir: o.Dir, Stdin: o.Stdin, ReadOnly: o.ReadOnly,
		Memory: o.Memory, Processes: o.Processes, Files: o.Files, FileSize: o.FileSize,
		CPU:    int64((o.CPU + time.Second - 1) / time.Second),
		Parent: os.Getpid(),
	}
	for _, v := range o.Env {
		name, _, _ := strings.Cut(v, "=")
		p.Env = append(p.Env, name)
	}
	return p
}

func (p plan) wants(l Layer) bool { return slices.Contains(p.Layers, l) }

// environment is what of an environment may pass, and the folder under its usual names.
func (p plan) environment(env []string) []string {
	var out []string
	for _, name := range []string{"HOME", "TMPDIR"} {
		if !slices.Contains(p.Env, name) {
			out = append(out, name+"="+p.Dir)
		}
	}
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(p.Env, name) {
			out = append(out, v)
		}
	}
	return out
}

// Main is the launcher: it ends the process if this one was started as such, and else
// does nothing. A program that uses Command calls it before anything else, and so does
// the TestMain of its tests.
func Main() {
	if len(os.Args) != 2 || os.Args[0] != mark {
		return
	}
	// Credentials, Landlock and seccomp are a thread's; the one that has them becomes the
	// program, and the others end.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	var p plan
	if err := json.Unmarshal([]byte(os.Args[1]), &p); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "jail: what to do:", err)
		os.Exit(exitJail)
	}
	_, _ = fmt.Fprintln(os.Stderr, "jail:", (&launcher{plan: p, failed: map[Layer]string{}}).run())
	os.Exit(exitJail)
}

// launcher is the process between the hub and the program.
type launcher struct {
	plan
	failed map[Layer]string
	abi    int // Landlock's
}

// report is what a launcher that only tries says on standard output.
type report struct {
	Failed   map[Layer]string
	Landlock int
}

// try does the work of a layer, if it is wanted. A failure is the end, except where the
// launcher only tries.
func (l *launcher) try(layer Layer, work func() error) error {
	if !l.wants(layer) {
		return nil
	}
	err := work()
	if err == nil {
		return nil
	}
	if l.Probe {
		l.failed[layer] = err.Error()
		return nil
	}
	return fmt.Errorf("%s: %w", layer, err)
}

// finish becomes the program. It returns only with an error.
func (l *launcher) finish() error {
	if l.Probe {
		if err := json.NewEncoder(os.Stdout).Encode(report{Failed: l.failed, Landlock: l.abi}); err != nil {
			return err
		}
		os.Exit(0)
	}
	argv := append([]string{l.Path}, l.Args...)
	env := l.environment(os.Environ())
	if err := l.limit(); err != nil {
		return err
	}
	err := syscall.Exec(l.Path, argv, env) //nolint:gosec // the hub chose the program
	if errors.Is(err, syscall.EACCES) && l.ID != 0 {
		err = fmt.Errorf("%w: it must be readable and executable for others", err)
	}
	return fmt.Errorf("%s: %w", l.Path, err)
}
