package adapters

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
)

// TestNoteForm holds the stored form still: a newer build reads what an older one
// left behind.
func TestNoteForm(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for form, want := range map[string]note{
		`{}`:                 {},
		`{"step":"sending"}`: {Step: stepSending},
		`{"step":"done","sent":[{"message":"m1","at":"2026-01-02T03:04:05Z"}]}`: {Step: stepDone, Sent: []piece{{"m1", at}}},
		`{"unsure":1,"fresh":true,"moved":{"account":"a","place":"group","chat":"2"}}`: {
			Unsure: 1, Fresh: true, Moved: &core.Conversation{Account: "a", Place: core.Group, Chat: "2"},
		},
	} {
		got, err := readNote([]byte(form))
		if err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
		if back := string(encode(want)); back != form {
			t.Errorf("written as %s, want %s", back, form)
		}
	}
	if n, err := readNote(nil); err != nil || n.Step != stepIdle {
		t.Errorf("no note is read as %+v, %v", n, err)
	}
	if _, err := readNote([]byte("{")); err == nil {
		t.Error("a broken note is read")
	}
}

// FuzzReadNote: what was read is written and read again the same.
func FuzzReadNote(f *testing.F) {
	f.Add([]byte(`{"step":"sending","sent":[{"message":"m1","at":"2026-01-02T03:04:05Z"}],"unsure":1}`))
	f.Add([]byte(`{"moved":{"chat":"1"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := readNote(data)
		if err != nil {
			return
		}
		again, err := readNote(encode(n))
		if err != nil {
			t.Fatal(err)
		}
		if string(encode(again)) != string(encode(n)) {
			t.Errorf("%+v became %+v", n, again)
		}
	})
}

// TestLaneForgets: drafts whose reply never came do not fill a lane's memory.
func TestLaneForgets(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := memory{map[string][]byte{
		"moved": []byte(`{}`), "draft/this": encode(piece{"m1", now}), "draft/other": encode(piece{"m2", now}),
		"draft/old": encode(piece{"m3", now.Add(-draftsKept - 1)}), "draft/broken": []byte("{"),
	}}
	want := map[string][]byte{"draft/this": nil, "draft/old": nil, "draft/broken": nil}
	if diff := cmp.Diff(want, m.finish("this", nil, now).Set); diff != "" {
		t.Error(diff)
	}
}
