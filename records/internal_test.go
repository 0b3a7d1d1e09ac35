package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/fault"
)

func openStore(t *testing.T) *SQL {
	t.Helper()
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
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

// schema lists what the database is made of, without goose's own table.
func schema(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT sql FROM sqlite_schema
		WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'goose%' AND tbl_name NOT LIKE 'sqlite%' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
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

func TestMigrationsDownAndUp(t *testing.T) {
	s := openStore(t)
	up := schema(t, s.write)
	if len(up) == 0 {
		t.Fatal("the store has no tables")
	}
	p, err := s.d.provider(s.write)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 0); err != nil {
		t.Fatalf("down: %v", err)
	}
	if left := schema(t, s.write); len(left) > 0 {
		t.Errorf("down left %v", left)
	}
	for range 2 { // the second time there is nothing to do
		if err := s.d.migrate(t.Context(), s.write); err != nil {
			t.Fatalf("up: %v", err)
		}
	}
	if diff := cmp.Diff(up, schema(t, s.write)); diff != "" {
		t.Errorf("up again differs (-first +second):\n%s", diff)
	}
	if err := s.Write(t.Context(), []Entry{{ID: "1/in", Direction: In, Person: "p", At: time.UnixMilli(1)}}); err != nil {
		t.Errorf("Write after down and up: %v", err)
	}
}

func TestPragmas(t *testing.T) {
	s := openStore(t)
	for name, db := range map[string]*sql.DB{"writer": s.write, "reader": s.read} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "synchronous": "2",
		} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s = %q, %v; want %s", name, pragma, got, err, want)
			}
		}
	}
	if _, err := s.read.ExecContext(t.Context(), `DELETE FROM transcripts`); err == nil {
		t.Error("a reader may write")
	}
}

func TestExportUsesTheIndex(t *testing.T) {
	if all := planOf(t, forList(exportEntries, 1), "p"); !strings.Contains(all, "transcripts_by_person") || strings.Contains(all, "FOR ORDER BY") {
		t.Errorf("an export sorts all it reads: %s", all)
	}
}

func TestFindUsesTheIndex(t *testing.T) {
	if all := planOf(t, findEntry, "a", "c", "m"); strings.Contains(all, "SCAN") {
		t.Errorf("a message is looked for among all: %s", all)
	}
}

// A month's sums read that month, and a person's lines are found by the person.
func TestUsageUsesTheIndexes(t *testing.T) {
	if all := planOf(t, usageQuery([]UsageKey{ByPerson}), 1, 2); !strings.Contains(all, "usage_by_time") {
		t.Errorf("the sums of a time read all: %s", all)
	}
	if all := planOf(t, forList(usageOf, 1), "p"); !strings.Contains(all, "usage_by_person") {
		t.Errorf("a person's lines are looked for among all: %s", all)
	}
	if all := planOf(t, forgetUsage, "x", "p"); !strings.Contains(all, "usage_by_person") {
		t.Errorf("who is forgotten is looked for among all: %s", all)
	}
}

// planOf says how SQLite answers a query.
func planOf(t *testing.T, query string, args ...any) string {
	t.Helper()
	s := openStore(t)
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}

// A disk that is full heals, and nothing of the batch that did not fit is there.
func TestFullDiskIsRetryable(t *testing.T) {
	s := openStore(t)
	var pages int
	if err := s.write.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 4)
	batch := []Entry{
		{ID: "1/in", Direction: In, Person: "p", At: time.UnixMilli(1)},
		{ID: "2/in", Direction: In, Person: "p", At: time.UnixMilli(2), Body: make([]byte, 1<<20)},
	}
	if err := s.Write(t.Context(), batch); fault.ClassOf(err) != fault.Retryable || !strings.Contains(err.Error(), "full") {
		t.Errorf("Write = %v (%v)", err, fault.ClassOf(err))
	}
	n := 0
	export := func() error {
		n = 0
		return s.Export(t.Context(), "p", func(Entry) error { n++; return nil })
	}
	if err := export(); err != nil || n != 0 {
		t.Errorf("%d entries of a batch that failed, %v", n, err)
	}
	limit(1 << 20)
	if err := s.Write(t.Context(), batch); err != nil {
		t.Errorf("Write with room again: %v", err)
	}
	if err := export(); err != nil || n != 2 {
		t.Errorf("%d entries, %v; want 2", n, err)
	}
}

func TestClasses(t *testing.T) {
	s := openStore(t)
	_, constraint := s.write.ExecContext(t.Context(), `INSERT INTO erasures (person, until) VALUES ('p', NULL)`)
	_, readonly := s.read.ExecContext(t.Context(), `DELETE FROM erasures`)
	_, wrong := s.write.ExecContext(t.Context(), `no SQL`)
	for name, test := range map[string]struct {
		err  error
		want fault.Class
	}{
		"constraint": {constraint, fault.Permanent},
		"read-only":  {readonly, fault.NeedsHuman},
		"wrong SQL":  {wrong, fault.Bug},
		"unknown":    {errors.New("unknown"), fault.Bug},
		"cancelled":  {fmt.Errorf("x: %w", context.Canceled), fault.Retryable},
		"a fault":    {fault.New(fault.RateLimited, "x", nil), fault.RateLimited},
	} {
		if test.err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got := classify("test", test.err, faultOfSQLite); fault.ClassOf(got) != test.want || !errors.Is(got, test.err) {
			t.Errorf("%s: %v is %v, want %v", name, got, fault.ClassOf(got), test.want)
		}
	}
	if classify("test", nil, faultOfSQLite) != nil {
		t.Error("nil is a fault")
	}
}
