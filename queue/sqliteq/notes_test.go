package sqliteq_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

// noted makes a store in which one item has a note, and closes it.
func noted(t *testing.T, note []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	e := open(t, sqliteq.Options{Dir: dir})
	fill(t, e, 1, 10)
	handBack(t, e, func(ctx context.Context, d queue.Delivery) {
		if err := d.SetNote(ctx, note); err != nil {
			t.Errorf("set note: %v", err)
		}
	})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// handBack takes an item, does something and hands it back.
func handBack(t *testing.T, e *sqliteq.Engine, do func(context.Context, queue.Delivery)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 1, Grace: 1}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		do(ctx, d)
		cancel()
		<-ctx.Done()
		return queue.Commit{}, ctx.Err()
	}); err != nil {
		t.Fatalf("consume: %v", err)
	}
}

func TestTornNotes(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(b []byte) []byte
		want string
	}{
		{"whole", func(b []byte) []byte { return b }, "kept"},
		{"half a head behind", func(b []byte) []byte { return append(b, 20, 0, 0) }, "kept"},
		{"half a record behind", func(b []byte) []byte { return append(b, b[:len(b)-3]...) }, "kept"},
		{"absurd length behind", func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0xff}, 30)...) }, "kept"},
		{"last byte missing", func(b []byte) []byte { return b[:len(b)-1] }, ""},
		{"bit flipped", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, ""},
		{"empty", func([]byte) []byte { return nil }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := noted(t, []byte("kept"))
			path := filepath.Join(dir, "notes.log")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			e := open(t, sqliteq.Options{Dir: dir})
			if got := takeOne(t, e, queue.ConsumeOptions{}); string(got.Note) != c.want || got.Attempt != 1 {
				t.Errorf("note %q, attempt %d; want %q and 1", got.Note, got.Attempt, c.want)
			}
		})
	}
}

// TestNotesAreCompacted writes far more notes than the side file may hold.
func TestNotesAreCompacted(t *testing.T) {
	dir := t.TempDir()
	e := open(t, sqliteq.Options{Dir: dir})
	fill(t, e, 1, 10)
	const size = 1 << 20
	handBack(t, e, func(ctx context.Context, d queue.Delivery) {
		for i := range 20 {
			if err := d.SetNote(ctx, bytes.Repeat([]byte{byte('a' + i)}, size)); err != nil {
				t.Errorf("set note: %v", err)
			}
		}
		if err := d.SetNote(ctx, make([]byte, size+1)); fault.ClassOf(err) != fault.Bug {
			t.Errorf("a note that is too large: %v", err)
		}
	})
	info, err := os.Stat(filepath.Join(dir, "notes.log"))
	if err != nil || info.Size() > 6*size {
		t.Errorf("the side file has %d bytes; %v", info.Size(), err)
	}
	if got := takeOne(t, e, queue.ConsumeOptions{}); len(got.Note) != size || got.Note[0] != 'a'+19 {
		t.Errorf("the last note is lost: %d bytes", len(got.Note))
	}
	work(t, e, 1, finish)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err = os.Stat(filepath.Join(dir, "notes.log")); err != nil || info.Size() != 0 {
		t.Errorf("%d bytes of notes stay without items; %v", info.Size(), err)
	}
}

// FuzzParseNotes reads arbitrary side files: never a panic, never an error, and
// nothing but the memory they are large.
func FuzzParseNotes(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{9, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := sqliteq.ParseNotes(bytes.NewReader(b))
		if err != nil {
			t.Errorf("error %v", err)
		}
		if len(found) > len(b)/17 {
			t.Errorf("%d remarks in %d bytes", len(found), len(b))
		}
	})
}
