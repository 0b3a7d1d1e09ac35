package records_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	at       = time.Date(2026, 3, 1, 9, 30, 0, 123e6, time.UTC)
	envelope = core.Envelope{
		ID: "envelope", Kind: core.KindMessage,
		In:     core.Conversation{Account: "support", Place: core.Group, Chat: "-100", Thread: "7"},
		From:   core.Sender{Realm: "telegram", ID: "42", Name: "Zoë", Handle: "zoe", Language: "pt-BR"},
		Native: "1001", Addressed: true, Parts: []core.Part{core.Text{Text: "grüße & <b>"}}, SentAt: at.Add(-time.Second), Trace: "trace",
	}
	reply = core.Reply{
		ID: core.ReplyTo("envelope", 1), Final: true, To: envelope.In, Person: "person", InReplyTo: "1001",
		Parts: []core.Part{core.Text{Text: "**hi**", Format: core.Markdown}}, Trace: "trace",
	}
)

// goldens are entries with the names of their golden files.
func goldens(t *testing.T) map[string]records.Entry {
	t.Helper()
	in, err := records.Received(envelope, "person", at, "chat", "(default)")
	if err != nil {
		t.Fatal(err)
	}
	out, err := records.Replied(reply, at.Add(time.Second), []core.MessageID{"2001", "2002"})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]records.Entry{
		"in": in, "out": out,
		"bare": {ID: "x/out", Direction: records.Out, Person: "person", At: time.UnixMilli(0).UTC()},
	}
}

func TestGoldenWireForm(t *testing.T) {
	for name, e := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			got, err := records.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "entry_"+name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); diff != "" {
				t.Errorf("wire form changed (-want +got):\n%s", diff)
			}
			back, err := records.Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesOfBothDirections(t *testing.T) {
	all := goldens(t)
	in, out := all["in"], all["out"]
	if in.ID != "envelope/in" || in.Person != "person" || in.Sender != envelope.From || in.Conversation != envelope.In {
		t.Errorf("entry of the envelope = %+v", in)
	}
	if out.ID != "envelope.1/out" || out.Envelope != "envelope" || out.Person != "person" || len(out.Messages) != 2 || out.Sender != (core.Sender{}) {
		t.Errorf("entry of the reply = %+v", out)
	}
	if e, err := core.DecodeEnvelope(in.Body); err != nil || e.Text() != envelope.Text() {
		t.Errorf("the body holds %+v, %v", e, err)
	}
	if r, err := core.DecodeReply(out.Body); err != nil || core.JoinText(r.Parts) != "**hi**" {
		t.Errorf("the body holds %+v, %v", r, err)
	}
}

func TestEntriesWithoutWireForm(t *testing.T) {
	if _, err := records.Received(core.Envelope{Parts: []core.Part{nil}}, "p", at, "", ""); err == nil {
		t.Error("an envelope with an empty part became an entry")
	}
	if _, err := records.Replied(core.Reply{Parts: []core.Part{nil}}, at, nil); err == nil {
		t.Error("a reply with an empty part became an entry")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":      ``,
		"no JSON":      `{`,
		"another type": `[]`,
		"no version":   `{"id":"x/in","direction":"in","person":"p","at":"2026-01-01T00:00:00Z"}`,
		"newer":        `{"v":2,"id":"x/in","direction":"in","person":"p","at":"2026-01-01T00:00:00Z"}`,
		"no id":        `{"v":1,"direction":"in","person":"p","at":"2026-01-01T00:00:00Z"}`,
		"no direction": `{"v":1,"id":"x/in","person":"p","at":"2026-01-01T00:00:00Z"}`,
		"nobody":       `{"v":1,"id":"x/in","direction":"in","at":"2026-01-01T00:00:00Z"}`,
		"no time":      `{"v":1,"id":"x/in","direction":"in","person":"p","at":"yesterday"}`,
	} {
		if e, err := records.Decode([]byte(data)); !errors.Is(err, records.ErrSchema) {
			t.Errorf("%s: Decode = %+v, %v; want ErrSchema", name, e, err)
		}
	}
}

// FuzzDecode: what Decode takes can be stored, and Encode gives it back.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"in", "out", "bare"} {
		data, err := os.ReadFile(filepath.Join("testdata", "entry_"+name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := records.Decode(data)
		if err != nil {
			if !errors.Is(err, records.ErrSchema) {
				t.Fatalf("Decode = %v, want ErrSchema", err)
			}
			return
		}
		again, err := records.Encode(e)
		if err != nil {
			t.Fatalf("Encode: %v", err)
		}
		back, err := records.Decode(again)
		if err != nil {
			t.Fatalf("Decode of what Encode wrote: %v", err)
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestRecorder(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "records.db"))
	r := records.NewRecorder(s, s)
	encode := func(id string) []byte {
		data, err := records.Encode(entry(id, "x"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bad := []byte("no entry")
	for _, step := range []struct {
		name   string
		bodies [][]byte
		done   int
		class  fault.Class
		stored int
	}{
		{"nothing", nil, 0, 0, 0},
		{"a batch", [][]byte{encode("1/in"), encode("2/in")}, 2, 0, 2},
		{"the batch again, and more", [][]byte{encode("1/in"), encode("2/in"), encode("3/in")}, 3, 0, 3},
		{"good ones before a bad one", [][]byte{encode("4/in"), bad, encode("5/in")}, 1, 0, 4},
		{"the bad one first", [][]byte{bad, encode("5/in")}, 0, fault.Permanent, 4},
		{"the rest", [][]byte{encode("5/in")}, 1, 0, 5},
	} {
		done, err := r.Handle(t.Context(), step.bodies)
		if done != step.done || fault.ClassOf(err) != step.class {
			t.Errorf("%s: Handle = %d, %v; want %d and class %v", step.name, done, err, step.done, step.class)
		}
		if n := count(t, s); n != step.stored {
			t.Errorf("%s: %d entries are stored, want %d", step.name, n, step.stored)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err := r.Handle(t.Context(), [][]byte{encode("6/in")}); done != 0 || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("Handle with a closed store = %d, %v", done, err)
	}
}
