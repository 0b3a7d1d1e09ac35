package records

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// readers is how many exports may run at once; more wait.
const readers = 4

//go:embed migrations/*.sql
var migrations embed.FS

// SQLite keeps the records in one file.
type SQLite struct {
	write  *sql.DB // one connection: SQLite has one writer
	read   *sql.DB
	closed atomic.Bool
}

var (
	_ Store  = (*SQLite)(nil)
	_ People = (*SQLite)(nil)
)

// OpenSQLite opens the store in the file at path and brings its tables up to this
// build. The file and its folder are made when they are not there, readable by
// their owner only. A file made by a newer build, or one that is damaged or not
// writable, needs a human.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	if err := prepare(path); err != nil {
		return nil, fault.New(fault.NeedsHuman, "open records", err)
	}
	s := &SQLite{}
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
	if err := migrate(ctx, s.write); err != nil {
		_ = s.Close() // the error that matters is already here
		return nil, classify("open records", err)
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

// errNewer is what a file of a newer build is met with.
var errNewer = errors.New("the records were written by a newer version; upgrade, or restore a backup")

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

func migrate(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fault.New(fault.NeedsHuman, "migrate", errNewer)
	}
	_, err = p.Up(ctx)
	return err
}

// placeholder stands for further values of a list.
const placeholder = "/*more*/"

// forList spells a statement for a list of n values, at least one.
func forList(statement string, n int) string {
	return strings.Replace(statement, placeholder, strings.Repeat(", ?", n-1), 1)
}

const (
	insertEntry = `INSERT INTO transcripts (id, direction, person, account, place, chat, thread,
		sender_realm, sender_id, sender_name, sender_handle, sender_language, sender_bot,
		envelope, native, messages, kind, skill, rule, at, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`
	// The bot's replies follow what they answer; reply ids count up, so the shorter
	// one is the earlier.
	// With one account the index gives the order, with several they are sorted.
	exportEntries = `SELECT id, direction, person, account, place, chat, thread,
		sender_realm, sender_id, sender_name, sender_handle, sender_language, sender_bot,
		envelope, native, messages, kind, skill, rule, at, body
		FROM transcripts WHERE person IN (?` + placeholder + `)
		ORDER BY at, envelope, direction, length(id), id`
	// Replies that stood in one message, one after the other, cannot be: the first counts.
	insertMessage = `INSERT INTO messages (account, chat, message, entry) VALUES (?, ?, ?, ?)
		ON CONFLICT (account, chat, message) DO NOTHING`
	findEntry = `SELECT t.id, t.direction, t.person, t.account, t.place, t.chat, t.thread,
		t.sender_realm, t.sender_id, t.sender_name, t.sender_handle, t.sender_language, t.sender_bot,
		t.envelope, t.native, t.messages, t.kind, t.skill, t.rule, t.at, t.body
		FROM messages m JOIN transcripts t ON t.id = m.entry
		WHERE m.account = ? AND m.chat = ? AND m.message = ?`
	erasedUntil  = `SELECT until FROM erasures WHERE person = ?`
	eraseEntries = `DELETE FROM transcripts WHERE person = ?`
	// The clock may have been set back since the last erasure.
	rememberErasure = `INSERT INTO erasures (person, until) VALUES (?, ?)
		ON CONFLICT (person) DO UPDATE SET until = excluded.until WHERE excluded.until > erasures.until`
)

// Write implements Store.
func (s *SQLite) Write(ctx context.Context, entries []Entry) error {
	const op = "write records"
	for _, e := range entries {
		if err := e.Check(); err != nil {
			return fault.New(fault.Permanent, op, err)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return s.change(ctx, op, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, insertEntry)
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }() // ends with its transaction in any case
		erased := map[core.PersonID]int64{}
		for _, e := range entries {
			until, known := erased[e.Person]
			if !known {
				if until, err = lastErasure(ctx, tx, e.Person); err != nil {
					return err
				}
				erased[e.Person] = until
			}
			if e.At.UnixMilli() <= until {
				continue
			}
			if _, err := insert.ExecContext(ctx, columns(e)...); err != nil {
				return err
			}
			for _, m := range e.Messages {
				_, err := tx.ExecContext(ctx, insertMessage, string(e.Conversation.Account), string(e.Conversation.Chat), string(m), e.ID)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// never is before every entry's time.
const never = -1 << 63

func lastErasure(ctx context.Context, tx *sql.Tx, person core.PersonID) (int64, error) {
	until := int64(never)
	err := tx.QueryRowContext(ctx, erasedUntil, string(person)).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return never, nil
	}
	return until, err
}

func columns(e Entry) []any {
	body := e.Body
	if body == nil {
		body = []byte{} // the driver would make NULL of it
	}
	c, from := e.Conversation, e.Sender
	return []any{
		e.ID, string(e.Direction), string(e.Person),
		string(c.Account), string(c.Place), string(c.Chat), string(c.Thread),
		string(from.Realm), string(from.ID), from.Name, from.Handle, from.Language, from.Bot,
		string(e.Envelope), string(e.Native), messageList(e.Messages), string(e.Kind), e.Skill, e.Rule, e.At.UnixMilli(), body,
	}
}

// messageList is the column's form of the ids; empty for none.
func messageList(ids []core.MessageID) string {
	if len(ids) == 0 {
		return ""
	}
	list, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings always have a form
	}
	return string(list)
}

// Export implements Store.
func (s *SQLite) Export(ctx context.Context, person core.PersonID, fn func(Entry) error) error {
	const op = "export records"
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.fail(op, err)
	}
	defer func() { _ = tx.Rollback() }() // only read
	list, err := bases(ctx, tx, person)
	if err != nil || len(list) == 0 {
		return s.fail(op, err)
	}
	return s.each(ctx, op, tx, forList(exportEntries, len(list)), anys(list), func(rows *sql.Rows) error {
		e, err := scan(rows)
		if err != nil {
			return s.fail(op, err)
		}
		return fn(e)
	})
}

// queryer is a connection or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// each hands the rows of a query to fn, whose error it returns as it is.
func (s *SQLite) each(ctx context.Context, op string, from queryer, query string, args []any, fn func(*sql.Rows) error) (err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return s.fail(op, err)
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = s.fail(op, closing)
		}
	}()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return s.fail(op, rows.Err())
}

// Find implements Store.
func (s *SQLite) Find(ctx context.Context, account core.Account, chat core.ChatID, message core.MessageID) (Entry, bool, error) {
	const op = "find record"
	rows, err := s.read.QueryContext(ctx, findEntry, string(account), string(chat), string(message))
	if err != nil {
		return Entry{}, false, s.fail(op, err)
	}
	defer func() { _ = rows.Close() }() // it was read to its end, or the error is known
	if !rows.Next() {
		return Entry{}, false, s.fail(op, rows.Err())
	}
	e, err := scan(rows)
	if err != nil {
		return Entry{}, false, s.fail(op, err)
	}
	return e, true, nil
}

func scan(rows *sql.Rows) (Entry, error) {
	var e Entry
	var at int64
	var messages string
	c, from := &e.Conversation, &e.Sender
	err := rows.Scan(&e.ID, &e.Direction, &e.Person, &c.Account, &c.Place, &c.Chat, &c.Thread,
		&from.Realm, &from.ID, &from.Name, &from.Handle, &from.Language, &from.Bot,
		&e.Envelope, &e.Native, &messages, &e.Kind, &e.Skill, &e.Rule, &at, &e.Body)
	e.At = time.UnixMilli(at).UTC()
	if err == nil && messages != "" {
		err = json.Unmarshal([]byte(messages), &e.Messages)
	}
	return e, err
}

// Erase implements Store.
func (s *SQLite) Erase(ctx context.Context, person core.PersonID) (int64, error) {
	const op = "erase records"
	var n int64
	err := s.change(ctx, op, func(tx *sql.Tx) error {
		list, err := bases(ctx, tx, person)
		if err != nil {
			return err
		}
		n, err = eraseBases(ctx, tx, list)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, s.empty(ctx, op)
}

// eraseBases removes the entries of accounts, and remembers that it did.
func eraseBases(ctx context.Context, tx *sql.Tx, list []core.PersonID) (n int64, err error) {
	for _, base := range list {
		res, err := tx.ExecContext(ctx, eraseEntries, string(base))
		if err != nil {
			return 0, err
		}
		gone, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += gone
		if _, err := tx.ExecContext(ctx, rememberErasure, string(base), time.Now().UnixMilli()); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// empty takes what was erased out of the write-ahead log too. It waits for exports
// under way as for any lock; if one takes longer, the log is emptied when the store
// is closed.
func (s *SQLite) empty(ctx context.Context, op string) error {
	_, err := s.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return s.fail(op, err)
}

// change runs fn in one write transaction.
func (s *SQLite) change(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.fail(op, err)
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback() // the error of fn is the one that matters
		return s.fail(op, err)
	}
	return s.fail(op, tx.Commit())
}

// fail makes a fault of an error, nil of nil.
func (s *SQLite) fail(op string, err error) error {
	if err != nil && s.closed.Load() {
		err = errors.Join(ErrClosed, err)
	}
	return classify(op, err)
}

// Close implements Store.
func (s *SQLite) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return classify("close records", errors.Join(s.read.Close(), s.write.Close()))
}
