package postgres_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/postgres"
	"github.com/parley-hub/parley/test/pgtest"
)

// sitting is a pool with a seat, and what it was told of failures.
type sitting struct {
	*sql.DB
	failures atomic.Int64
}

// sit opens a pool and takes the seat in its schema.
func sit(t *testing.T, d pgtest.Database) *sitting {
	t.Helper()
	const schema = "sole"
	s := &sitting{}
	seat := postgres.NewSeat(schema)
	db, err := postgres.Open(t.Context(), postgres.Options{
		URL: d.URL(), Connections: 3, Schema: schema, Seat: seat, Failed: func(error) { s.failures.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := seat.Take(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	s.DB = db
	return s
}

func exec(t *testing.T, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestOneSitsInASchema(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`CREATE SCHEMA sole`)
	d.Exec(`CREATE TABLE sole.words (word TEXT PRIMARY KEY)`)
	first := sit(t, d)
	exec(t, first, `INSERT INTO words VALUES ('before')`)
	under, err := first.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, under, `INSERT INTO words VALUES ('under way')`)

	second := sit(t, d)
	exec(t, second, `INSERT INTO words VALUES ('under way')`) // would wait for the first's, and fail if that came
	if err := under.Commit(); err == nil {
		t.Error("what was under way was committed after another had taken over")
	}
	for range 5 { // more than it had connections
		_, err := first.ExecContext(t.Context(), `INSERT INTO words VALUES ('after')`)
		if err == nil {
			t.Fatal("who lost its seat wrote")
		}
		if class := fault.ClassOf(postgres.Fault("write", err)); class != fault.Retryable {
			t.Errorf("%v is %v", err, class)
		}
	}
	if first.failures.Load() == 0 {
		t.Error("nobody was told of it")
	}
	var words int
	if err := second.QueryRowContext(t.Context(), `SELECT count(*) FROM words`).Scan(&words); err != nil || words != 2 {
		t.Errorf("there are %d words (%v), want 2", words, err)
	}
	if n := second.failures.Load(); n != 0 {
		t.Errorf("who has the seat saw %d failures", n)
	}
}

// A pool that looks on takes nothing from anybody.
func TestLookingOnTakesNoSeat(t *testing.T) {
	d := pgtest.New(t)
	d.Exec(`CREATE SCHEMA sole`)
	first := sit(t, d)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL(), Connections: 1, Schema: "sole"})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, `CREATE TABLE seen (word TEXT)`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, first, `INSERT INTO seen VALUES ('there')`)
}
