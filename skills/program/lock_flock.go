//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package program

import (
	"errors"
	"os"
	"syscall"
)

// lock opens a file and takes its lock, which ends with the file or the process, however that
// ends. It does not wait.
func lock(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|flags, 0o600) //nolint:gosec // in a folder of this user's own
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// mine tells whether a file is of the user this process runs as.
func mine(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
