//go:build unix

package program

import (
	"os"
	"os/exec"
	"syscall"
)

// Group gives a command that was not started yet a process group of its own, so that it is
// ended with all it started and never by a key pressed in the hub's terminal.
func Group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Kill ends a process of such a group, and the group with it, also where the process itself
// has ended.
func Kill(p *os.Process) error {
	if syscall.Kill(-p.Pid, syscall.SIGKILL) == nil {
		return nil
	}
	return p.Kill()
}
