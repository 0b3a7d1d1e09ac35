package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-hub/parley/core/fault"
)

// unseatWithin is how long what another pool has under way may take to be ended.
const unseatWithin = 5 * time.Second

var (
	errUnseated = errors.New("another process has taken the schema over")
	errSits     = fmt.Errorf("what another process has under way in the schema did not end within %v", unseatWithin)
)

// Seat is the right to use a schema, which one pool at a time has: for what may be read
// and written by one process only, also when another that was thought dead goes on. A
// pool closed a moment ago counts as another, since the server may still be at work for it.
// Make one with NewSeat for each pool, and give it to Open.
type Seat struct {
	schema, token string
	taken         atomic.Bool
}

// NewSeat makes a seat in a schema that is not taken; until it is, nobody's is asked for.
func NewSeat(schema string) *Seat { return &Seat{schema: schema, token: rand.Text()[:16]} }

// Take gives the seat in the schema of db, which was opened with it: whoever has it loses
// its connections, with what was under way on them, and each new one is a Retryable
// fault. When Take returns, nothing that it wrote is still to come.
func (s *Seat) Take(ctx context.Context, db *sql.DB) error {
	const op = "take a schema of PostgreSQL over"
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS parley_seat (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), token TEXT NOT NULL)`,
		`INSERT INTO parley_seat (token) VALUES ('` + s.token + `') ON CONFLICT (one) DO UPDATE SET token = excluded.token`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return Fault(op, err)
		}
	}
	s.taken.Store(true)
	// Those that connected before that are ended, and all later ones find the new token.
	rows, err := db.QueryContext(ctx, `SELECT pg_terminate_backend(pid, $1) FROM pg_stat_activity
		WHERE datname = current_database() AND starts_with(application_name, $2) AND application_name <> $3`,
		unseatWithin.Milliseconds(), seatName(s.schema, ""), seatName(s.schema, s.token))
	if err != nil {
		return Fault(op, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what failed
	for rows.Next() {
		var ended bool
		if err := rows.Scan(&ended); err != nil {
			return Fault(op, err)
		}
		if !ended {
			return fault.New(fault.Retryable, op, errSits)
		}
	}
	return Fault(op, rows.Err())
}

// seatName is what the server knows a connection by: that of a pool with a seat, or how
// the names of all begin that could sit in a schema. PostgreSQL keeps 63 bytes of it.
func seatName(schema, token string) string {
	digest := sha256.Sum256([]byte(schema))
	return "parley seat " + hex.EncodeToString(digest[:8]) + " " + token
}

// check looks at a new connection.
func (s *Seat) check(ctx context.Context, c *pgx.Conn) error {
	if !s.taken.Load() {
		return nil
	}
	var token string
	if err := c.QueryRow(ctx, `SELECT token FROM parley_seat`).Scan(&token); err != nil {
		return err
	}
	if token != s.token {
		return fault.New(fault.Retryable, "connect to PostgreSQL", errUnseated)
	}
	return nil
}
