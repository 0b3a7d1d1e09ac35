//go:build unix

package plugin_test

import (
	"strconv"
	"syscall"
	"testing"
)

func kill(t *testing.T, pid string)   { send(t, pid, syscall.SIGKILL) }
func freeze(t *testing.T, pid string) { send(t, pid, syscall.SIGSTOP) }

func send(t *testing.T, pid string, s syscall.Signal) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, s); err != nil {
		t.Fatal(err)
	}
}
