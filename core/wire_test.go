package core_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func fullEnvelope() core.Envelope {
	in := core.Conversation{Account: "support", Place: core.Group, Chat: "-1001", Thread: "7"}
	from := core.Sender{Realm: "r", ID: "42", Name: "Ada", Handle: "ada", Language: "de-AT"}
	return core.Envelope{
		ID: core.NewEnvelopeID("support", core.KindMessage, "-1001", "9"), Kind: core.KindMessage, In: in, From: from,
		Native: "9", ReplyTo: &core.Quote{Message: "3", Text: "earlier", Name: "Ben", ByBot: true}, Addressed: true, Album: "a1",
		SentAt: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), Trace: "00000000000000000000000000000001",
		Parts: []core.Part{
			core.Text{Text: "héllo <b>", Format: core.Markdown},
			core.Mention{User: "1", Name: "@bot", Self: true},
			core.Media{Kind: core.Image, File: "f", Caption: "c", Name: "n", MIME: "image/png", Size: 5, Width: 1, Height: 2, Seconds: 3, Emoji: "🙂"},
			core.Location{Latitude: 48.2, Longitude: 16.4, Title: "t", Address: "a"},
			core.Contact{Name: "Ben", Phone: "+1", User: "2"},
			core.Command{Name: "start", Args: "x y"},
			core.Action{Data: "poll:1", Callback: "cb"},
			core.Reaction{Emoji: "👍", Removed: true},
			core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "poll:y"}, {Label: "Site", URL: "https://example.com"}}}},
			core.Change{Joined: []core.Sender{from}, Left: []core.Sender{from}, Self: true},
			core.Moved{To: in},
			core.Adoption{Fields: map[string][]byte{"model": []byte(`"x"`)}, Log: [][]byte{[]byte("1")}},
			core.Unsupported{What: "dice"},
		},
	}
}

func fullReply() core.Reply {
	e := fullEnvelope()
	return core.Reply{
		ID: core.ReplyTo(e.ID, 2), Rev: 3, Final: true, To: e.In, Person: "p1", InReplyTo: "9", Trace: e.Trace,
		Parts: []core.Part{core.Text{Text: "**hi**", Format: core.Markdown}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
		t.Errorf("%s changed: raise SchemaVersion and keep reading the old form (-want +got)\n%s", name, diff)
	}
}

func TestGoldenWireForms(t *testing.T) {
	e, err := core.EncodeEnvelope(fullEnvelope())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "envelope.v1.json", e)
	r, err := core.EncodeReply(fullReply())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "reply.v1.json", r)
}

func TestGoldenFilesReadBack(t *testing.T) {
	e, err := os.ReadFile("testdata/envelope.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := core.DecodeEnvelope(e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullEnvelope(), got); diff != "" {
		t.Error(diff)
	}
	r, err := os.ReadFile("testdata/reply.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := core.DecodeReply(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullReply(), reply); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, data := range map[string]string{
		"not json":      `{`,
		"empty":         `{}`,
		"newer version": `{"v":2,"id":"x"}`,
		"no id":         `{"v":1}`,
		"unknown part":  `{"v":1,"id":"x","parts":[{"hologram":{}}]}`,
		"two in a part": `{"v":1,"id":"x","parts":[{"text":{},"media":{}}]}`,
	} {
		if _, err := core.DecodeEnvelope([]byte(data)); !errors.Is(err, core.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := core.DecodeReply([]byte(data)); !errors.Is(err, core.ErrSchema) {
			t.Errorf("reply, %s: %v", name, err)
		}
	}
}

func FuzzDecodeEnvelope(f *testing.F) {
	e, err := core.EncodeEnvelope(fullEnvelope())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e)
	f.Add([]byte(`{"v":1,"id":"x","parts":[{"text":{"text":"\ud800"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := core.DecodeEnvelope(data)
		if err != nil {
			return
		}
		again, err := core.EncodeEnvelope(e)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := core.DecodeEnvelope(again)
		if err != nil {
			t.Fatal(err)
		}
		if third, err := core.EncodeEnvelope(back); err != nil || !bytes.Equal(again, third) {
			t.Fatalf("not stable (%v):\n%s\n%s", err, again, third)
		}
	})
}
