package records_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/records/recordstest"
)

func open(t *testing.T, path string) *records.SQL {
	t.Helper()
	s, err := records.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatalf("OpenSQLite: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	recordstest.Run(t, func(t *testing.T) records.Store {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "records.db"))
	})
}

// raw opens the file behind the store's back.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func entry(id, words string) records.Entry {
	return records.Entry{
		ID: id, Direction: records.In, Person: "p", Kind: core.KindMessage, Body: []byte(words),
		At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func count(t *testing.T, s records.Store) (n int) {
	t.Helper()
	if err := s.Export(t.Context(), "p", func(records.Entry) error { n++; return nil }); err != nil {
		t.Fatalf("Export: %v", err)
	}
	return n
}

func TestSQLiteStaysOnDisk(t *testing.T) {
	// A new folder, and letters that mean something in a connection's address.
	path := filepath.Join(t.TempDir(), "new folder", "a?b#c%20d&e=f.db")
	first := open(t, path)
	if err := first.Write(t.Context(), []records.Entry{entry("1/in", "x")}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open(t, path)); n != 1 {
		t.Errorf("%d entries after opening again, want 1", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v; want mode 0600", info, err)
	}
}

func TestSQLiteErasesFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := open(t, path)
	const words = "words that must not be found again"
	if err := s.Write(t.Context(), []records.Entry{entry("1/in", words), entry("2/in", strings.Repeat(words, 1000))}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Erase(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(words)) {
			t.Errorf("%s still holds what was erased", filepath.Base(file))
		}
	}
}

func TestSQLiteFaults(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "records.db")
	s := open(t, path)
	if err := s.Write(ctx, []records.Entry{entry("1/in", "x")}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T) string
		want  fault.Class
	}{
		"no database": {func(t *testing.T) string {
			t.Helper()
			bad := filepath.Join(t.TempDir(), "bad.db")
			if err := os.WriteFile(bad, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
			return bad
		}, fault.NeedsHuman},
		"folder":            {func(t *testing.T) string { t.Helper(); return t.TempDir() }, fault.NeedsHuman},
		"file for a folder": {func(t *testing.T) string { t.Helper(); return filepath.Join(path, "x.db") }, fault.NeedsHuman},
		"newer": {func(t *testing.T) string {
			t.Helper()
			newer := filepath.Join(t.TempDir(), "newer.db")
			if err := open(t, newer).Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, raw(t, newer), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
			return newer
		}, fault.NeedsHuman},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := records.OpenSQLite(t.Context(), test.spoil(t))
			if fault.ClassOf(err) != test.want || got != nil {
				t.Errorf("OpenSQLite = %v, %v (%v), want %v", got, err, fault.ClassOf(err), test.want)
			}
		})
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := records.OpenSQLite(cancelled, filepath.Join(t.TempDir(), "x.db")); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("OpenSQLite with an ended context: %v", err)
	}
}

func TestSQLiteUsage(t *testing.T) {
	recordstest.RunUsage(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "records.db"))
	})
}

// Usage is summed up beside a hub that has the file open, and beside none.
func TestReadUsage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	if sums, there, err := records.ReadUsage(t.Context(), path, records.UsageFilter{}); sums != nil || there || err != nil {
		t.Errorf("without a file: %v, %v, %v", sums, there, err)
	}
	s := open(t, path)
	line := records.Used{Request: "r", Outcome: records.UsageServed, At: time.Now(), Prompt: 3}
	if err := s.WriteUsage(t.Context(), []records.Used{line}); err != nil {
		t.Fatal(err)
	}
	for _, hub := range []string{"running", "stopped"} {
		sums, there, err := records.ReadUsage(t.Context(), path, records.UsageFilter{})
		if len(sums) != 1 || sums[0].Served.Prompt != 3 || !there || err != nil {
			t.Errorf("hub %s: %+v, %v, %v", hub, sums, there, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, raw(t, path), `DROP TABLE usage`)
	if _, there, err := records.ReadUsage(t.Context(), path, records.UsageFilter{}); there || err != nil {
		t.Errorf("records of before: %v, %v", there, err)
	}
}

func TestSQLiteOrders(t *testing.T) {
	recordstest.RunOrders(t, func(t *testing.T) recordstest.Records {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "records.db"))
	})
}

// An operator gives orders beside a hub that has the file open.
func TestOpenBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	if _, there, err := records.OpenBeside(t.Context(), path); there || err != nil {
		t.Fatalf("where nothing is: %v, %v", there, err)
	}
	hub := open(t, path)
	defer func() { _ = hub.Close() }()
	beside, there, err := records.OpenBeside(t.Context(), path)
	if !there || err != nil {
		t.Fatalf("beside a hub: %v, %v", there, err)
	}
	id, err := beside.Order(t.Context(), records.Cause{Turn: "t", Actor: records.Operator, At: time.Now()}, records.OrderLook)
	if err != nil {
		t.Fatal(err)
	}
	if last, err := hub.LastOrder(t.Context()); last != id || err != nil {
		t.Errorf("the hub sees order %d, %v; want %d", last, err, id)
	}
	if err := hub.Report(t.Context(), records.Report{Seen: id, At: time.Now(), Body: "here"}); err != nil {
		t.Fatal(err)
	}
	if got, err := beside.Reports(t.Context(), id); err != nil || len(got) != 1 || got[0].Body != "here" {
		t.Errorf("reports %+v, %v", got, err)
	}
	if err := beside.Close(); err != nil {
		t.Error(err)
	}
}
