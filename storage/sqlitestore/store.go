// Package sqlitestore keeps what skills store in one file: the embedded default.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/storage"
)

// version is that of the tables this build writes.
const version = 1

// tables of version 1. A space's bytes are counted beside it: a sum would read all values.
const tables = `
CREATE TABLE entry (
	skill TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
	PRIMARY KEY (skill, person, name)
) WITHOUT ROWID;
CREATE INDEX entry_person ON entry (person) WHERE person <> '';
CREATE TABLE space (
	skill TEXT NOT NULL, person TEXT NOT NULL, used INTEGER NOT NULL,
	PRIMARY KEY (skill, person)
) WITHOUT ROWID;
PRAGMA user_version = 1;`

// Store is a file of entries. Make it with Open.
type Store struct{ db *sql.DB }

var _ storage.Store = (*Store)(nil)

var errNewer = errors.New("it was written by a newer release")

// Open opens the file, and makes it where it is missing; only its owner can read it. One
// process at a time uses it. A file that is damaged, not writable or newer than this build
// needs a human.
func Open(ctx context.Context, path string) (*Store, error) {
	const op = "open the skills' storage"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, op, err)
	}
	if err := f.Close(); err != nil {
		return nil, fault.New(fault.NeedsHuman, op, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, op, err)
	}
	// What was erased is overwritten, and a commit survives the loss of power.
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)"}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fault.New(fault.Bug, op, err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(classify(op, err), db.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var has int
		if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&has); err != nil {
			return err
		}
		switch {
		case has > version:
			return fault.New(fault.NeedsHuman, "open the skills' storage", fmt.Errorf("%w: version %d, this build reads up to %d", errNewer, has, version))
		case has == version:
			return nil
		}
		_, err := tx.ExecContext(ctx, tables)
		return err
	})
}

// Close closes the file.
func (s *Store) Close() error { return classify("close the skills' storage", s.db.Close()) }

// change runs fn in one transaction.
func (s *Store) change(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, sp storage.Space, name string) (value []byte, ok bool, err error) {
	if err := storage.Check(sp, name, nil); err != nil {
		return nil, false, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT value FROM entry WHERE skill = ? AND person = ? AND name = ?`, sp.Skill, sp.Person, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return value, err == nil, classify("read from storage", err)
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, w storage.Write) (done bool, err error) {
	if err := storage.Check(w.Space, w.Name, w.Value); err != nil {
		return false, err
	}
	err = s.change(ctx, func(tx *sql.Tx) error {
		done, err = put(ctx, tx, w)
		return err
	})
	return done && err == nil, classify("write to storage", err)
}

func put(ctx context.Context, tx *sql.Tx, w storage.Write) (done bool, err error) {
	sp := w.Space
	var was []byte
	err = tx.QueryRowContext(ctx, `SELECT value FROM entry WHERE skill = ? AND person = ? AND name = ?`, sp.Skill, sp.Person, w.Name).Scan(&was)
	there := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if w.If && (there != (w.Was != nil) || string(was) != string(w.Was)) {
		return false, nil
	}
	var used, grows int64
	if there {
		grows -= int64(len(w.Name) + len(was))
	}
	if w.Value != nil {
		grows += int64(len(w.Name) + len(w.Value))
	}
	err = tx.QueryRowContext(ctx, `SELECT used FROM space WHERE skill = ? AND person = ?`, sp.Skill, sp.Person).Scan(&used)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if grows > 0 && used+grows > w.Quota {
		return false, storage.Full(sp)
	}
	if w.Value == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM entry WHERE skill = ? AND person = ? AND name = ?`, sp.Skill, sp.Person, w.Name)
	} else {
		_, err = tx.ExecContext(ctx, `INSERT INTO entry (skill, person, name, value) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET value = excluded.value`, sp.Skill, sp.Person, w.Name, w.Value)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO space (skill, person, used) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET used = excluded.used`, sp.Skill, sp.Person, used+grows)
	}
	return err == nil, err
}

// Names implements storage.Store.
func (s *Store) Names(ctx context.Context, sp storage.Space, prefix string) ([]string, error) {
	var names []string
	err := s.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return err
	}, `SELECT name FROM entry WHERE skill = ? AND person = ? AND name >= ? ORDER BY name`, sp.Skill, sp.Person, prefix)
	return names, classify("list storage", err)
}

func (s *Store) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Move implements storage.Store.
func (s *Store) Move(ctx context.Context, from, to core.PersonID) error {
	if from == to || from == "" || to == "" {
		return nil
	}
	return classify("move storage", s.change(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			`INSERT INTO entry (skill, person, name, value) SELECT skill, ?2, name, value FROM entry WHERE person = ?1 ON CONFLICT DO NOTHING`,
			`DELETE FROM entry WHERE person = ?1 AND ?1 <> ?2`,
			`DELETE FROM space WHERE person IN (?1, ?2)`,
			`INSERT INTO space (skill, person, used) SELECT skill, person, sum(length(CAST(name AS BLOB)) + length(value)) FROM entry
				WHERE person IN (?1, ?2) GROUP BY skill, person`,
		} {
			if _, err := tx.ExecContext(ctx, q, from, to); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Forget implements storage.Store.
func (s *Store) Forget(ctx context.Context, person core.PersonID) (int, error) {
	if person == "" {
		return 0, nil
	}
	var n int64
	err := s.change(ctx, func(tx *sql.Tx) error {
		gone, err := tx.ExecContext(ctx, `DELETE FROM entry WHERE person = ?`, person)
		if err != nil {
			return err
		}
		if n, err = gone.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM space WHERE person = ?`, person)
		return err
	})
	if err == nil && n > 0 {
		// The log beside the file still has it.
		_, err = s.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
	return int(n), classify("forget storage", err)
}

// Export implements storage.Store.
func (s *Store) Export(ctx context.Context, person core.PersonID, each func(storage.Entry) error) error {
	if person == "" {
		return nil
	}
	var all []storage.Entry // the one connection is not held while others are called
	err := s.each(ctx, func(rows *sql.Rows) error {
		var e storage.Entry
		err := rows.Scan(&e.Skill, &e.Name, &e.Value)
		all = append(all, e)
		return err
	}, `SELECT skill, name, value FROM entry WHERE person = ? ORDER BY skill, name`, person)
	if err != nil {
		return classify("export storage", err)
	}
	for _, e := range all {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// classify reads SQLite's result code (https://www.sqlite.org/rescode.html), whose low
// byte is the primary one.
func classify(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	class := fault.Bug
	var e *sqlite.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		class = fault.Retryable
	case errors.As(err, &e):
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
			class = fault.Retryable
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
			sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
			class = fault.NeedsHuman
		}
	}
	return fault.New(class, op, err)
}
