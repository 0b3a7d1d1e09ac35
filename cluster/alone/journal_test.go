package alone

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// FuzzJournal: whatever a file holds, what is read of it can be used, and is read again as
// it was written.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"a":"a","k":"k","n":"x","p":true,"v":"AAE=","m":[{"n":"m","r":-1,"t":5}],"u":1900000000000}` + "\n" + `{"a":"a","k":"k","n":"x"`))
	f.Add([]byte(`{"n":"x","u":-1}` + "\n\n" + `{"n":"y","u":9223372036854775807}` + "\n" + `{"n":"y"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "adapters.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		now := time.UnixMilli(1_800_000_000_000)
		kept, err := readJournal(path, now)
		if err != nil {
			t.Fatal(err)
		}
		j := &journal{path: path, log: zerolog.Nop()}
		if err := j.rewrite(kept); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = j.close() }()
		again, err := readJournal(path, now)
		if err != nil || len(again) != len(kept) || j.lines != len(kept) {
			t.Fatalf("%d notes, %d again, %d lines: %v", len(kept), len(again), j.lines, err)
		}
		for name, n := range kept {
			if len(again[name].marks) != len(n.marks) || string(again[name].value) != string(n.value) || again[name].put != n.put {
				t.Errorf("%v is %+v, was %+v", name, again[name], n)
			}
		}
	})
}
