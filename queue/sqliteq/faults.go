package sqliteq

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func closed(op string) error { return fault.New(fault.Retryable, op, queue.ErrClosed) }

func stale(op string) error { return fault.New(fault.Retryable, op, queue.ErrStale) }

func misuse(op, what string) error { return fault.New(fault.Bug, op, errors.New(what)) }

// classify gives an error of the journal its class. SQLite's result codes are
// described at https://sqlite.org/rescode.html; the low byte is the primary one.
func classify(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return fault.New(fault.Retryable, op, err)
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fault.New(fault.Retryable, op, fmt.Errorf("%w: %w", queue.ErrFull, err))
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.New(fault.NeedsHuman, op, fmt.Errorf("the journal %s is damaged; restore it from a backup, or move it away to begin with an empty queue: %w", journalName, err))
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fault.New(fault.NeedsHuman, op, fmt.Errorf("the journal %s cannot be written; check the owner and the permissions of the data directory: %w", journalName, err))
	default:
		return fault.New(fault.Retryable, op, err)
	}
}
