package sqliteq_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/datadir"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

// refusal opens an engine that must not open, and gives the words.
func refusal(t *testing.T, dir string) error {
	t.Helper()
	e, err := sqliteq.Open(t.Context(), sqliteq.Options{Dir: dir})
	if err == nil {
		t.Fatal("opened", e.Close())
	}
	if fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("class of %q is %v, want needs_human", err, fault.ClassOf(err))
	}
	return err
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	e := open(t, sqliteq.Options{Dir: dir})
	err := refusal(t, dir)
	if !errors.Is(err, datadir.ErrLocked) || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())+" ") {
		t.Errorf("%q does not say that process %d holds the directory", err, os.Getpid())
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v; want mode 0700", info.Mode(), err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, sqliteq.Options{Dir: dir})
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	lines, kill := startChild(t, dir, "load")
	readLine(t, lines)
	if err := refusal(t, dir); !errors.Is(err, datadir.ErrLocked) || strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())+" ") {
		t.Errorf("%q does not name the child", err)
	}
	kill()
	open(t, sqliteq.Options{Dir: dir})
}

func TestDirectoryCannotBeMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := refusal(t, filepath.Join(path, "data")); !strings.Contains(err.Error(), "writable") {
		t.Errorf("%q does not say what to do", err)
	}
	if _, err := sqliteq.Open(t.Context(), sqliteq.Options{}); fault.ClassOf(err) != fault.Bug {
		t.Errorf("no directory: %v", err)
	}
}

func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "queue.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a database. "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := refusal(t, dir); !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%q does not say that the journal is damaged", err)
	}
	// The lock was given back: with the file moved away the engine opens.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	e := open(t, sqliteq.Options{Dir: dir})
	fill(t, e, 200, 512)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 2; page*4096 < len(b); page++ {
		copy(b[page*4096:], bytes.Repeat([]byte{0xee}, 2000))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := refusal(t, dir); !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%q does not say that the journal is damaged", err)
	}
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, sqliteq.Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	query(t, dir, `UPDATE meta SET value = 99 WHERE name = 'schema' RETURNING value`)
	if err := refusal(t, dir); !strings.Contains(err.Error(), "newer release") {
		t.Errorf("%q does not speak of a newer release", err)
	}
}

func TestForeignDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE other (x)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := refusal(t, dir); !strings.Contains(err.Error(), "not a journal") {
		t.Errorf("%q does not say that the journal is not ours", err)
	}
}

// query reads one number out of a journal.
func query(t *testing.T, dir, q string) int {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := errors.Join(db.QueryRowContext(t.Context(), q).Scan(&n), db.Close()); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return n
}

// fill publishes n items of a size into mailboxes of their own.
func fill(t *testing.T, e *sqliteq.Engine, n, size int) {
	t.Helper()
	for i := range n {
		if _, err := e.Publish(t.Context(), inbox(fmt.Sprint(i)), queue.Item{ID: fmt.Sprint("fill", i), Body: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
}

// work handles n deliveries of the inbox and drains.
func work(t *testing.T, e *sqliteq.Engine, n int, h queue.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 1}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if n--; n == 0 {
			cancel()
		}
		return h(ctx, d)
	}); err != nil {
		t.Fatalf("consume: %v", err)
	}
}
