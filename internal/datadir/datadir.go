// Package datadir locks the folder in which a hub keeps what is its own, so that no two
// processes use the same.
package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/parley-hub/parley/core/fault"
)

// lockName is the file whose lock stands for the whole directory.
const lockName = "parley.lock"

// ErrLocked says that another process uses the same folder.
var ErrLocked = errors.New("in use by another process")

// Lock makes the directory and takes its lock, which ends with the file or the
// process. The file tells the pid of the holder. Its faults need a human; ErrLocked is
// in the one of a folder that is in use.
func Lock(dir string) (*os.File, error) {
	const op = "open data directory"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(op, dir, err)
	}
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chose the directory
	if err != nil {
		return nil, unwritable(op, dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := readPID(f)
		closeErr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.NeedsHuman, op, fmt.Errorf("%w: process %s holds %s; stop it or choose another data directory", ErrLocked, holder, path))
		}
		return nil, fault.New(fault.NeedsHuman, op, errors.Join(fmt.Errorf("lock %s: %w", path, err), closeErr))
	}
	if err := writePID(f); err != nil {
		return nil, unwritable(op, dir, errors.Join(err, f.Close()))
	}
	return f, nil
}

func unwritable(op, dir string, err error) error {
	return fault.New(fault.NeedsHuman, op, fmt.Errorf("%s is not a writable directory; create it, or give it to the user this process runs as: %w", dir, err))
}

func readPID(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if pid, numErr := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && numErr == nil {
		return strconv.Itoa(pid)
	}
	return "(unknown)"
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("clear lock file: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	return nil
}
