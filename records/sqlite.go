package records

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/parley-hub/parley/core/fault"
)

// inSQLite: one process has the file, and one connection of it writes.
var inSQLite = dialect{
	tables: tables{goose: goose.DialectSQLite3, folder: "migrations/sqlite", table: goose.DefaultTablename},
	life:   "0",
	// It waits for exports under way as for any lock; if one takes longer, the log is
	// emptied when the store is closed.
	erased: `PRAGMA wal_checkpoint(TRUNCATE)`,
	fault:  faultOfSQLite,
}

// OpenSQLite opens the store in the file at path and brings its tables up to this
// build. The file and its folder are made when they are not there, readable by
// their owner only. A file made by a newer build, or one that is damaged or not
// writable, needs a human.
func OpenSQLite(ctx context.Context, path string) (*SQL, error) {
	if err := prepare(path); err != nil {
		return nil, fault.New(fault.NeedsHuman, "open records", err)
	}
	s := &SQL{d: &inSQLite}
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=journal_mode(WAL)",
		"_pragma=secure_delete(ON)")); err != nil {
		return nil, fault.New(fault.Bug, "open records", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn(path, "_pragma=query_only(ON)")); err != nil {
		return nil, errors.Join(fault.New(fault.Bug, "open records", err), s.write.Close())
	}
	s.read.SetMaxOpenConns(readers)
	if err := s.d.migrate(ctx, s.write); err != nil {
		_ = s.Close() // the error that matters is already here
		return nil, classify("open records", err, s.d.fault)
	}
	return s, nil
}

// prepare makes the file, so that it and the files SQLite puts beside it are
// readable by their owner only.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn spells a connection: wait for a lock instead of failing, keep foreign keys,
// and let a commit survive the loss of power.
func dsn(path string, more ...string) string {
	out := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(ON)&_pragma=synchronous(FULL)"
	for _, m := range more {
		out += "&" + m
	}
	return out
}

// OpenBeside opens the file at path for Orders, beside a hub that may have it open: its
// tables are left as they are. there is false where there is no file, or one of a build
// that took no orders.
func OpenBeside(ctx context.Context, path string) (s *SQL, there bool, err error) {
	const op = "open records"
	there, err = readBeside(ctx, op, path, "orders", func(runner) error { return nil })
	if err != nil || !there {
		return nil, false, err
	}
	s = &SQL{d: &inSQLite}
	if s.write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "mode=rw")); err != nil {
		return nil, false, classify(op, err, faultOfSQLite)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn(path, "mode=ro")); err != nil {
		return nil, false, errors.Join(classify(op, err, faultOfSQLite), s.write.Close())
	}
	return s, true, nil
}

// ReadLinks reads the links in the file at path beside a store that may have it open,
// and changes nothing: none where there is no file, or one from before there were links.
func ReadLinks(ctx context.Context, path string) (out []Link, err error) {
	_, err = readBeside(ctx, "read links", path, "links", func(r runner) error {
		out, err = queryLinks(ctx, r, allLinks)
		return err
	})
	return out, err
}

// ReadUsage sums up the usage in the file at path beside a store that may have it open,
// and changes nothing. there is false where there is no file, or one from before there was
// usage.
func ReadUsage(ctx context.Context, path string, f UsageFilter) (out []UsageSum, there bool, err error) {
	there, err = readBeside(ctx, "sum up usage", path, "usage", func(r runner) error {
		out, err = sumUsage(ctx, r, f)
		return err
	})
	return out, there, err
}

// readBeside runs fn on the file at path, unless there is none, or no such table in it.
func readBeside(ctx context.Context, op, path, table string, fn func(runner) error) (there bool, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	db, err := sql.Open("sqlite", dsn(path, "mode=ro"))
	if err != nil {
		return false, classify(op, err, faultOfSQLite)
	}
	defer func() { err = errors.Join(err, classify(op, db.Close(), faultOfSQLite)) }()
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = ?`, table).Scan(&tables); err != nil || tables == 0 {
		return false, classify(op, err, faultOfSQLite)
	}
	return true, classify(op, fn(runner{db, &inSQLite}), faultOfSQLite)
}

func faultOfSQLite(op string, err error) error { return fault.New(classOfSQLite(err), op, err) }

// classOfSQLite reads SQLite's result code (https://www.sqlite.org/rescode.html), whose
// low byte is the primary one.
func classOfSQLite(err error) fault.Class {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fault.Bug
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
		return fault.Retryable
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fault.NeedsHuman
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return fault.Permanent
	default:
		return fault.Bug
	}
}
