//go:build unix

package plugin

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup gives a process a group of its own, so that it is ended with all it started and
// never by a key pressed in the hub's terminal.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) {
	if syscall.Kill(-p.Pid, syscall.SIGKILL) != nil {
		_ = p.Kill()
	}
}
