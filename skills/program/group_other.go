//go:build !unix

package program

import (
	"os"
	"os/exec"
)

// Group does nothing: this system has no process groups.
func Group(*exec.Cmd) {}

// Kill ends a process, but not what it started.
func Kill(p *os.Process) error { return p.Kill() }
