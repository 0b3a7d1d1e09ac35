package sqlitestore_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/storage"
	"github.com/parley-hub/parley/storage/sqlitestore"
	"github.com/parley-hub/parley/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (a, b storage.Store) {
		s := open(t, filepath.Join(t.TempDir(), "skills.db"))
		return s, s
	})
}

// What is forgotten cannot be read in the files any more.
func TestForgottenIsGoneFromTheDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "skills.db"))
	space := storage.Space{Skill: "notes", Person: "panna"}
	if _, err := s.Put(t.Context(), storage.Write{Space: space, Name: "x", Value: []byte("a very private thing"), Quota: 100}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Forget(t.Context(), space.Person); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if data, err := os.ReadFile(f); err != nil || bytes.Contains(data, []byte("very private")) {
			t.Errorf("%s still has it, %v", f, err)
		}
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", f, info.Mode())
		}
	}
}

func TestStaysBehindARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skills.db")
	first, err := sqlitestore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Put(t.Context(), storage.Write{Space: storage.Space{Skill: "a"}, Name: "x", Value: []byte("1"), Quota: 9}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if value, ok, err := open(t, path).Get(t.Context(), storage.Space{Skill: "a"}, "x"); !ok || string(value) != "1" || err != nil {
		t.Errorf("%q, %v, %v", value, ok, err)
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `PRAGMA user_version = 9`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.db")
	if err := os.WriteFile(damaged, bytes.Repeat([]byte("not a database. "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{newer: "newer release", damaged: "not a database", filepath.Join(dir, "no", "folder"): "no such file"} {
		s, err := sqlitestore.Open(t.Context(), path)
		if s != nil || fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
