package records

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/test/pgtest"
)

func openInPostgres(t *testing.T) *SQL {
	t.Helper()
	s, err := OpenPostgres(t.Context(), PostgresOptions{URL: pgtest.New(t).URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func column(t *testing.T, db *sql.DB, query string, args ...any) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPostgresMigrationsDownAndUp(t *testing.T) {
	s := openInPostgres(t)
	tables := func() []string {
		return column(t, s.write, `SELECT c.relname || ' ' || coalesce(pg_get_indexdef(c.oid), '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'public' AND c.relname NOT LIKE 'records_version%' AND c.relkind IN ('r', 'i') ORDER BY 1`)
	}
	up := tables()
	if len(up) < 20 {
		t.Fatalf("tables and indexes: %v", up)
	}
	p, err := s.d.provider(s.write)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 0); err != nil {
		t.Fatalf("down: %v", err)
	}
	if left := tables(); len(left) > 0 {
		t.Errorf("down left %v", left)
	}
	for range 2 { // the second time there is nothing to do
		if err := s.migrateAlone(t.Context()); err != nil {
			t.Fatalf("up: %v", err)
		}
	}
	if diff := cmp.Diff(up, tables()); diff != "" {
		t.Errorf("up again differs (-first +second):\n%s", diff)
	}
	if err := s.Write(t.Context(), []Entry{{ID: "1/in", Direction: In, Person: "p", At: time.UnixMilli(1)}}); err != nil {
		t.Errorf("Write after down and up: %v", err)
	}
}

func TestPostgresUsesTheIndexes(t *testing.T) {
	s := openInPostgres(t)
	s.write.SetMaxOpenConns(1)
	// Few rows are read whole, and sorted, by choice; what is asked is whether they must be.
	if _, err := s.write.ExecContext(t.Context(), `SET enable_seqscan = off; SET enable_sort = off`); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		query string
		args  []any
		sorts bool
	}{
		"an export":   {query: forList(exportEntries, 1), args: []any{"p"}, sorts: true}, // only what is of one turn
		"a message":   {query: findEntry, args: []any{"a", "c", "m"}},
		"who changed": {query: strings.Replace(versionsSince, serverLife, s.d.life, 1), args: []any{7}},
		"accounts":    {query: linksOf, args: []any{"p"}},
		"one link":    {query: personOfOne, args: []any{"p"}},
		"wrong ones":  {query: wrongSince, args: []any{"p", "wrong", 7}},
	} {
		plan := strings.Join(column(t, s.write, `EXPLAIN `+numbered(test.query), test.args...), "; ")
		if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") && (!test.sorts || !strings.Contains(plan, "Incremental Sort")) {
			t.Errorf("%s: %s", name, plan)
		}
	}
}

func TestPostgresBounds(t *testing.T) {
	s := openInPostgres(t)
	if w, r := s.write.Stats().MaxOpenConnections, s.read.Stats().MaxOpenConnections; w != postgresWriters || r != postgresReaders {
		t.Errorf("%d and %d connections", w, r)
	}
	// A node that stops inside a change holds up the others for a while only.
	err := s.change(t.Context(), "test", func(tx runner) error {
		for setting, want := range map[string]string{"lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s", "transaction_isolation": "read committed"} {
			var got string
			if err := tx.QueryRowContext(t.Context(), `SELECT current_setting(?)`, setting).Scan(&got); err != nil || got != want {
				t.Errorf("%s = %s, %v", setting, got, err)
			}
		}
		_, err := tx.ExecContext(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = '1ms'`)
		if err == nil {
			// The server ends it while this node does nothing.
			err = waitForEnd(t, s)
		}
		if err == nil {
			_, err = tx.ExecContext(t.Context(), `SELECT 1`)
		}
		return err
	})
	if fault.ClassOf(err) != fault.Retryable {
		t.Errorf("a change that was ended: %v (%v)", err, fault.ClassOf(err))
	}
	if _, err := s.Erase(t.Context(), "p"); err != nil {
		t.Errorf("another one: %v", err)
	}
}

// waitForEnd waits until nobody holds the records' lock.
func waitForEnd(t *testing.T, s *SQL) error {
	tx, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), lockRecords)
	return err
}

func TestNumbered(t *testing.T) {
	for statement, want := range map[string]string{
		"":                                "",
		"SELECT 1":                        "SELECT 1",
		"a = ? AND b IN (?, ?)":           "a = $1 AND b IN ($2, $3)",
		strings.Repeat("?", 11):           "$1$2$3$4$5$6$7$8$9$10$11",
		forRows("VALUES "+moreRows, 2, 2): "VALUES ($1, $2), ($3, $4)",
	} {
		if got := numbered(statement); got != want {
			t.Errorf("%q becomes %q, want %q", statement, got, want)
		}
	}
	if got := plainText("a\x00b\xff"); got != "a\uFFFDb\uFFFD" {
		t.Errorf("%q", got)
	}
}
