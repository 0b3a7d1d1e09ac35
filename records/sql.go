package records

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
)

// readers is how many exports may run at once; more wait.
const readers = 4

// SQL keeps the records in a database; OpenSQLite and OpenPostgres make one. What the
// two databases do not share is in the dialect, everything else is written once.
type SQL struct {
	d      *dialect
	write  *sql.DB
	read   *sql.DB
	closed atomic.Bool
	// presence is the connection that holds the lock of Enter; nil for none.
	presence atomic.Pointer[sql.Conn]
}

var (
	_ Store  = (*SQL)(nil)
	_ People = (*SQL)(nil)
)

// dialect is where SQLite and PostgreSQL differ.
type dialect struct {
	tables
	// spell writes a statement's parameters, which are ? here; nil leaves them.
	spell func(statement string) string
	// text makes a string storable; nil when every one is.
	text func(string) string
	// alone begins a transaction that no other one of ours runs beside; empty where there
	// is one writer anyhow.
	alone string
	// changing is the isolation in which each statement behind alone sees what others
	// committed before it, snapshot that in which all see one moment.
	changing, snapshot sql.IsolationLevel
	// erased is run when something was erased, so that it stands in no log any more.
	erased string
	// life is an expression that is another number for another server, or another life
	// of one.
	life string
	// shared is true when others than this process may change what is stored.
	shared bool
	// fault makes one of what the database says.
	fault func(op string, err error) error
}

// Shared tells whether other processes may change what is stored, while it is open here.
func (s *SQL) Shared() bool { return s.d.shared }

// runner runs statements on a connection or in a transaction, in the words of its
// database.
type runner struct {
	on interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}
	d *dialect
}

// QueryContext is as that of database/sql.
func (r runner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.on.QueryContext(ctx, r.spell(query), r.values(args)...)
}

// QueryRowContext is as that of database/sql.
func (r runner) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return r.on.QueryRowContext(ctx, r.spell(query), r.values(args)...)
}

// ExecContext is as that of database/sql.
func (r runner) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.on.ExecContext(ctx, r.spell(query), r.values(args)...)
}

func (r runner) spell(query string) string {
	if r.d.spell == nil {
		return query
	}
	return r.d.spell(query)
}

func (r runner) values(args []any) []any {
	if r.d.text == nil {
		return args
	}
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = r.stored(text)
		}
	}
	return args
}

// stored is text as it is found again.
func (r runner) stored(text string) string {
	if r.d.text == nil {
		return text
	}
	return r.d.text(text)
}

// reading runs single statements that change nothing.
func (s *SQL) reading() runner { return runner{s.read, s.d} }

// Ping tells whether the records can be asked. The fault is Retryable while they are away.
func (s *SQL) Ping(ctx context.Context) error {
	var one int
	return s.fail("reach records", s.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one))
}

// writing runs single statements that rest on nothing they did not name.
func (s *SQL) writing() runner { return runner{s.write, s.d} }

// view runs fn on the records as they are in one moment.
func (s *SQL) view(ctx context.Context, op string, fn func(r runner) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.d.snapshot})
	if err != nil {
		return s.fail(op, err)
	}
	defer func() { _ = tx.Rollback() }() // only read
	return s.fail(op, fn(runner{tx, s.d}))
}

// each hands the rows of a query to fn.
func each(ctx context.Context, from runner, query string, args []any, fn func(*sql.Rows) error) (err error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// outside is an error of a function that a caller handed in: it goes back as it is.
type outside struct{ err error }

func (o outside) Error() string { return o.err.Error() }
func (o outside) Unwrap() error { return o.err }

// hand calls a function of the caller.
func hand[T any](fn func(T) error, v T) error {
	if err := fn(v); err != nil {
		return outside{err}
	}
	return nil
}

// change runs fn in a transaction that no other one runs beside: what fn reads stays
// as it is until it is through.
func (s *SQL) change(ctx context.Context, op string, fn func(tx runner) error) error {
	return s.fail(op, s.transact(ctx, fn))
}

func (s *SQL) transact(ctx context.Context, fn func(tx runner) error) error {
	tx, err := s.write.BeginTx(ctx, &sql.TxOptions{Isolation: s.d.changing})
	if err != nil {
		return err
	}
	if s.d.alone != "" {
		_, err = tx.ExecContext(ctx, s.d.alone)
	}
	if err == nil {
		err = fn(runner{tx, s.d})
	}
	if err != nil {
		_ = tx.Rollback() // the error of fn is the one that matters
		return err
	}
	return tx.Commit()
}

// empty takes what was erased out of the logs, as far as that can be asked for.
func (s *SQL) empty(ctx context.Context, op string) error {
	if s.d.erased == "" {
		return nil
	}
	_, err := s.write.ExecContext(ctx, s.d.erased)
	return s.fail(op, err)
}

// fail makes a fault of an error, nil of nil. What a caller's function said goes back
// as it is.
func (s *SQL) fail(op string, err error) error {
	var own outside
	if errors.As(err, &own) {
		return own.err
	}
	if err != nil && s.closed.Load() {
		err = errors.Join(ErrClosed, err)
	}
	return classify(op, err, s.d.fault)
}

// Close implements Store.
func (s *SQL) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var left error
	if c := s.presence.Load(); c != nil {
		left = c.Close()
	}
	return classify("close records", errors.Join(left, s.read.Close(), s.write.Close()), s.d.fault)
}
