package sqliteq

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/parley-hub/parley/queue"
)

// journalName is the database's file in the data directory.
const journalName = "queue.db"

const (
	pageSize = 4096
	// hardReserve is the part of the disk budget that Publish leaves to commits.
	hardReserve = 8
	// minBudget holds the empty tables and some work.
	minBudget = 64 * pageSize
)

// journal is the database: one connection that writes, a few that read.
type journal struct {
	db   *sql.DB
	conn *sql.Conn
	read *sql.DB
	st   statements
	// prepared holds all of st, to be closed.
	prepared []*sql.Stmt
	// epoch counts the openings of the database.
	epoch int64
	// softPages is how many pages may be in use for Publish to go on; 0 for any.
	softPages int64
}

// statements of the writer, prepared once.
type statements struct {
	begin, commit, rollback             *sql.Stmt
	seenPut, seenGet, seenPurge         *sql.Stmt
	mailboxGet, mailboxPut, mailboxDrop *sql.Stmt
	mailboxLast, mailboxIdle            *sql.Stmt
	itemPut, itemDrop                   *sql.Stmt
	fieldPut, fieldDrop                 *sql.Stmt
	logPut, logTrim                     *sql.Stmt
	deadPut, deadGet, deadDrop          *sql.Stmt
	pages                               *sql.Stmt
}

func openJournal(ctx context.Context, dir string, budget int64) (*journal, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	dsn := func(lock string, pragmas ...string) string {
		u := url.URL{Scheme: "file", Path: filepath.Join(abs, journalName), RawQuery: url.Values{"_pragma": pragmas, "_txlock": {lock}}.Encode()}
		return u.String()
	}
	// SQLite would make the files readable for everybody; those beside the database
	// get its mode.
	if err := private(filepath.Join(abs, journalName)); err != nil {
		return nil, err
	}
	j := &journal{}
	j.db, err = sql.Open("sqlite", dsn("immediate", "busy_timeout(10000)", fmt.Sprintf("page_size(%d)", pageSize), "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16000)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)"))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := j.begin(ctx, budget); err != nil {
		return nil, errors.Join(err, j.close())
	}
	j.read, err = sql.Open("sqlite", dsn("deferred", "busy_timeout(10000)", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal to read: %w", err), j.close())
	}
	j.read.SetMaxOpenConns(4)
	return j, nil
}

// private makes a file that only this user can read, or leaves the one that is there.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator chose the directory
	if err != nil {
		return fmt.Errorf("make journal: %w", err)
	}
	return f.Close()
}

func (j *journal) begin(ctx context.Context, budget int64) (err error) {
	if j.conn, err = j.db.Conn(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if j.epoch, err = prepareSchema(ctx, j.conn); err != nil {
		return err
	}
	if budget > 0 {
		pages := max(budget, minBudget) / pageSize
		j.softPages = pages - pages/hardReserve
		if _, err := j.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			return fmt.Errorf("set disk budget: %w", err)
		}
	}
	return j.prepare(ctx)
}

func (j *journal) prepare(ctx context.Context) error {
	s := &j.st
	for _, p := range []struct {
		at  **sql.Stmt
		sql string
	}{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.commit, `COMMIT`},
		{&s.rollback, `ROLLBACK`},
		{&s.seenPut, `INSERT INTO seen (box, id, at) VALUES (?1, ?2, ?3) ON CONFLICT (box, id) DO UPDATE SET at = ?3 WHERE at < ?4`},
		{&s.seenGet, `SELECT count(*) FROM seen WHERE box = ? AND id = ? AND at >= ?`},
		{&s.seenPurge, `DELETE FROM seen WHERE (box, id) IN (SELECT box, id FROM seen WHERE at < ? ORDER BY at LIMIT ?)`},
		{&s.mailboxGet, `SELECT id FROM mailbox WHERE box = ? AND scope = ? AND account = ? AND owner = ? AND thread = ?`},
		{&s.mailboxPut, `INSERT INTO mailbox (box, scope, account, owner, thread) VALUES (?, ?, ?, ?, ?)`},
		{&s.mailboxDrop, `DELETE FROM mailbox WHERE id = ?`},
		{&s.mailboxLast, `SELECT max(id) FROM (SELECT id FROM mailbox WHERE id > ? ORDER BY id LIMIT ?)`},
		{&s.mailboxIdle, `SELECT id, box, scope, account, owner, thread FROM mailbox AS m WHERE id > ? AND id <= ?
			AND NOT EXISTS (SELECT 1 FROM field WHERE mailbox = m.id) AND NOT EXISTS (SELECT 1 FROM log WHERE mailbox = m.id)`},
		{&s.itemPut, `INSERT INTO item (seq, mailbox, id, body, at, settle) VALUES (?, ?, ?, ?, ?, ?)`},
		{&s.itemDrop, `DELETE FROM item WHERE seq = ?`},
		{&s.fieldPut, `INSERT INTO field (mailbox, name, value) VALUES (?1, ?2, ?3) ON CONFLICT (mailbox, name) DO UPDATE SET value = ?3`},
		{&s.fieldDrop, `DELETE FROM field WHERE mailbox = ? AND name = ?`},
		{&s.logPut, `INSERT INTO log (mailbox, seq, body) VALUES (?, ?, ?)`},
		{&s.logTrim, `DELETE FROM log WHERE mailbox = ? AND seq < ?`},
		{&s.deadPut, `INSERT INTO dead (box, scope, account, owner, thread, item, body, settle, reason, attempts, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.deadGet, `SELECT box, scope, account, owner, thread, item, body, settle FROM dead WHERE id = ?`},
		{&s.deadDrop, `DELETE FROM dead WHERE id = ? RETURNING box`},
		{&s.pages, `SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count`},
	} {
		st, err := j.conn.PrepareContext(ctx, p.sql) //nolint:sqlclosecheck // close does, through j.prepared
		if err != nil {
			return fmt.Errorf("prepare %q: %w", p.sql, err)
		}
		*p.at = st
		j.prepared = append(j.prepared, st)
	}
	return nil
}

// close ends the connections. The last one moves the write-ahead log into the
// database.
func (j *journal) close() error {
	var errs []error
	for _, st := range j.prepared {
		errs = append(errs, st.Close())
	}
	if j.read != nil {
		errs = append(errs, j.read.Close())
	}
	if j.conn != nil {
		errs = append(errs, j.conn.Close())
	}
	return errors.Join(append(errs, j.db.Close())...)
}

// loadMemory reads what a mailbox remembers.
func (j *journal) loadMemory(ctx context.Context, mailbox int64) (_ *memory, err error) {
	tx, err := j.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read memory: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	m := newMemory()
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var name string
		var value []byte
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		m.put(name, value)
		return nil
	}, `SELECT name, value FROM field WHERE mailbox = ?`, mailbox)
	if err != nil {
		return nil, err
	}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return err
		}
		if len(m.view.Log) == 0 {
			m.first = seq
		}
		m.append(body)
		return nil
	}, `SELECT seq, body FROM log WHERE mailbox = ? ORDER BY seq`, mailbox)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each runs a query and calls scan on every row.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	return eachRow(rows, err, scan)
}

// eachRow calls scan on every row of a query that may have failed, and closes them.
func eachRow(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(fmt.Errorf("scan: %w", err), rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// scanKey gives the destinations of a key's columns in their usual order.
func scanKey(k *queue.Key) []any {
	return []any{&k.Box, &k.Scope, &k.Account, &k.Owner, &k.Thread}
}
