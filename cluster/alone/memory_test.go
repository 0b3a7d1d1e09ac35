package alone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func TestMemory(t *testing.T) {
	clustertest.Memory(t, func(*testing.T) (a, b cluster.Memory) { e := alone.New(); return e, e })
}

func TestMemoryInAFile(t *testing.T) {
	clustertest.Memory(t, func(t *testing.T) (a, b cluster.Memory) {
		e := open(t, filepath.Join(t.TempDir(), "adapters.jsonl"))
		return e, e
	})
}

func open(t *testing.T, path string) *alone.Engine {
	t.Helper()
	e := alone.New()
	if err := e.Remember(path, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func note(key string) core.Note { return core.Note{Account: "a", Kind: "k", Key: key} }

// TestNotesOutliveTheProcess: also one that was killed in the middle of a line.
func TestNotesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "adapters.jsonl")
	first := open(t, path)
	for _, key := range []string{"gone", "changed", "marked"} {
		if err := first.Put(t.Context(), note(key), []byte("old"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Put(t.Context(), note("changed"), []byte("new"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := first.Delete(t.Context(), note("gone")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := first.Advance(t.Context(), note("marked"), core.Mark{Name: "m", Rank: 3, Value: []byte{0, 255}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"a":"a","k":"k","n":"changed","v":"aGFs`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	open(t, path) // writes it anew
	later := open(t, path)
	for key, want := range map[string]string{"gone": "", "changed": "new", "marked": "old"} {
		if value, _, err := later.Get(t.Context(), note(key)); string(value) != want || err != nil {
			t.Errorf("%s is %q, %v; want %q", key, value, err, want)
		}
	}
	all, moved, err := later.Advance(t.Context(), note("marked"), core.Mark{Name: "m", Rank: 3}, time.Hour)
	if err != nil || moved || len(all) != 1 || all[0].Rank != 3 || string(all[0].Value) != "\x00\xff" {
		t.Errorf("%+v, %v, %v", all, moved, err)
	}
}

// TestTheFileStaysSmall: it has a line for each change, and is written anew now and then.
func TestTheFileStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "adapters.jsonl")
	e := open(t, path)
	for i := range 20_000 {
		if err := e.Put(t.Context(), note(fmt.Sprint(i%10)), []byte(fmt.Sprint(i)), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n > 5000 {
		t.Errorf("%d lines for 10 notes", n)
	}
	if value, _, err := open(t, path).Get(t.Context(), note("9")); string(value) != "19999" || err != nil {
		t.Errorf("%q, %v", value, err)
	}
}

func TestAFileThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	if err := alone.New().Remember(filepath.Join(dir, "adapters.jsonl"), zerolog.Nop()); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("%v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e := open(t, filepath.Join(dir, "adapters.jsonl"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Put(t.Context(), note("k"), nil, time.Hour); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("behind the end: %v", err)
	}
}

// TestNotesAreBounded: what is over goes, and when there is too much, what would go first.
func TestNotesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := alone.New()
		if err := e.Put(t.Context(), note("old"), nil, time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := e.Put(t.Context(), note("long"), nil, cluster.MaxNoteLife); err != nil {
			t.Fatal(err)
		}
		big := make([]byte, cluster.MaxNote)
		for i := range 10_000 { // 160 MB
			if err := e.Put(t.Context(), note(fmt.Sprint(i)), big, time.Hour+time.Duration(i)*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		for key, want := range map[string]bool{"old": false, "0": false, "9999": true, "long": true} {
			if _, ok, err := e.Get(t.Context(), note(key)); ok != want || err != nil {
				t.Errorf("%s is there: %v, %v", key, ok, err)
			}
		}
		time.Sleep(2 * time.Hour)
		if _, ok, _ := e.Get(t.Context(), note("9999")); ok {
			t.Error("a note outlived its time")
		}
	})
}

func BenchmarkPut(b *testing.B) {
	e := alone.New()
	if err := e.Remember(filepath.Join(b.TempDir(), "adapters.jsonl"), zerolog.Nop()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	value := make([]byte, 200)
	for i := 0; b.Loop(); i++ {
		if err := e.Put(b.Context(), note(fmt.Sprint(i%5000)), value, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
