//go:build unix

package mcp

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a program a group of its own, with which it is ended.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
