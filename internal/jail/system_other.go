//go:build unix && !linux

package jail

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// system is what holds where there is no Linux: nothing of it has to be tried.
type system struct{}

func look(context.Context) (*system, error) { return &system{}, nil }

func (s *system) command(ctx context.Context, o Options) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := o.plan()
	p.Layers = []Layer{Descriptors, Limits}
	arg, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // this very program
	cmd.Args = []string{mark, string(arg)}
	cmd.Env = append([]string{}, o.Env...)
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = waitDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

func (s *system) enforced() Enforced { return Elsewhere() }

// run sets what this system can hold and becomes the program.
func (l *launcher) run() error {
	if err := errors.Join(os.Chdir(l.Dir), l.descriptors()); err != nil {
		return err
	}
	return l.finish()
}

// descriptors empties standard input. Go closes by itself what it opened.
func (l *launcher) descriptors() error {
	if !l.Stdin {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		if err := unix.Dup2(int(null.Fd()), 0); err != nil {
			return err
		}
	}
	// A number past the limit is no open file.
	var has unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &has); err != nil {
		return err
	}
	for fd := 3; fd < int(min(has.Cur, 1<<16)); fd++ {
		unix.CloseOnExec(fd)
	}
	return nil
}

func (l *launcher) limit() error {
	set := func(which int, to int64) error {
		var has unix.Rlimit
		if err := unix.Getrlimit(which, &has); err != nil {
			return err
		}
		lower(&has.Cur, &has.Max, to)
		return unix.Setrlimit(which, &has)
	}
	err := errors.Join(set(unix.RLIMIT_CORE, 0), set(unix.RLIMIT_FSIZE, l.FileSize), set(unix.RLIMIT_NOFILE, int64(l.Files)))
	if l.CPU > 0 {
		err = errors.Join(err, set(unix.RLIMIT_CPU, l.CPU))
	}
	return err
}

// lower bounds a limit, whose numbers have a sign on some systems. Nobody else's bound is
// raised.
func lower[N int64 | uint64](cur, most *N, to int64) {
	*most = min(*most, N(to))
	*cur = *most
}
