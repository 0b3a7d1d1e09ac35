package telegram

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testReader = reader{account: "tg", self: user{ID: 42, IsBot: true, FirstName: "Parley", Username: "parley_bot"}}

func TestInboundGolden(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/updates.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := decodeUpdate(raw)
			if malformed := strings.HasPrefix(name, "malformed"); malformed != (err != nil) {
				t.Fatalf("decoding: %v", err)
			}
			e := testReader.envelope(u, time.Unix(1700000000, 0))
			wire, err := core.EncodeEnvelope(e)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.GoldenJSON(t, "testdata/inbound/"+name+".json", wire)
		})
	}
}

func TestRedeliveryIsTheSameEnvelope(t *testing.T) {
	t.Parallel()
	first, _ := decodeUpdate([]byte(`{"update_id":1,"message":{"message_id":5,"date":9,"chat":{"id":7,"type":"private"},"from":{"id":7},"text":"a"}}`))
	edited, _ := decodeUpdate([]byte(`{"update_id":2,"edited_message":{"message_id":5,"date":9,"edit_date":10,"chat":{"id":7,"type":"private"},"from":{"id":7},"text":"b"}}`))
	again, _ := decodeUpdate([]byte(`{"update_id":3,"edited_message":{"message_id":5,"date":9,"edit_date":11,"chat":{"id":7,"type":"private"},"from":{"id":7},"text":"c"}}`))
	now := time.Unix(1, 0)
	one, two, three := testReader.envelope(first, now), testReader.envelope(edited, now), testReader.envelope(again, now)
	if repeat := testReader.envelope(first, time.Unix(2, 0)); repeat.ID != one.ID {
		t.Errorf("redelivered: id %s, was %s", repeat.ID, one.ID)
	}
	if one.ID == two.ID || two.ID == three.ID || one.Native != two.Native {
		t.Errorf("ids %s, %s, %s; native %s, %s", one.ID, two.ID, three.ID, one.Native, two.Native)
	}
}

func TestOutboundGolden(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	photo := mintFile("photo-file", "uniq")
	for name, parts := range map[string][]core.Part{
		"plain":    {core.Text{Text: `1 < 2 & "x" > y *not bold*`}},
		"markdown": {core.Text{Text: string(answer), Format: core.Markdown}},
		"buttons": {
			core.Text{Text: "choose"},
			core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}, {Label: "Docs", URL: "https://x.org"}}, {{Label: "No", Data: "n"}}}},
		},
		"mention": {core.Mention{User: "7", Name: "Ada <3"}, core.Text{Text: "look"}},
		"long":    {core.Text{Text: strings.Repeat("word ", 1700)}},
		"media": {
			core.Text{Text: "see"},
			core.Media{Kind: core.Image, File: photo, Caption: "short"},
			core.Media{Kind: core.Sticker, File: photo, Caption: "stickers carry none"},
			core.Media{Kind: core.Voice, File: photo, Caption: strings.Repeat("long ", 300)},
		},
		"places": {
			core.Location{Latitude: 52.5, Longitude: -13.25},
			core.Location{Latitude: 1, Longitude: 2, Title: "Home", Address: "Street 1"},
			core.Contact{Name: "Ada", Phone: "+4912345"},
			core.Contact{Name: "Only a name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messages, err := plan(core.Reply{Parts: parts})
			if err != nil {
				t.Fatal(err)
			}
			var out []map[string]any
			for _, m := range messages {
				out = append(out, map[string]any{"method": m.method, "params": m.params})
			}
			data, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.GoldenJSON(t, "testdata/outbound/"+name+".json", data)
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		part core.Part
		says string
	}{
		"long callback":  {core.Buttons{Rows: [][]core.Button{{{Label: "Pick", Data: strings.Repeat("x", 65)}}}}, `"Pick"`},
		"empty button":   {core.Buttons{Rows: [][]core.Button{{{Label: "Pick"}}}}, `"Pick"`},
		"foreign file":   {core.Media{Kind: core.Image, File: "nonsense"}, "not one of this platform"},
		"unknown media":  {core.Media{Kind: "hologram", File: mintFile("a", "b")}, "hologram"},
		"inbound's part": {core.Unsupported{What: "poll"}, "Unsupported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan(core.Reply{Parts: []core.Part{core.Text{Text: "hi"}, tc.part}})
			if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		})
	}
}

func TestPiecesHoldFewEnoughEntities(t *testing.T) {
	t.Parallel()
	runs := document.Parse(strings.Repeat("**a** *b* `c` [d](https://x.org) ", 200))
	var text strings.Builder
	for i, p := range pieces(runs, maxText) {
		if _, n := render(p); n > maxEntities {
			t.Errorf("piece %d has %d entities", i, n)
		}
		text.WriteString(document.Text(p))
	}
	strip := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	if strip(text.String()) != strip(document.Text(runs)) {
		t.Error("text was lost")
	}
}

func TestDraftIDIsStableAndNotZero(t *testing.T) {
	t.Parallel()
	for _, id := range []core.ReplyID{"", "a.0", "a.1"} {
		if n := draftID(id); n == 0 || n != draftID(id) {
			t.Errorf("draft id of %q is %d", id, n)
		}
	}
	if draftID("a.0") == draftID("a.1") {
		t.Error("two replies share a draft id")
	}
}

func FuzzDecodeUpdate(f *testing.F) {
	data, err := os.ReadFile("testdata/updates.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases map[string]json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, raw := range cases {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		u, _ := decodeUpdate(data)
		e := testReader.envelope(u, time.Unix(1, 0))
		if e.ID == "" || e.In.Chat == "" || e.From.ID == "" || len(e.Parts) == 0 || e.SentAt.Location() != time.UTC {
			t.Fatalf("incomplete envelope %+v", e)
		}
		if e.SentAt.Year() < 0 || e.SentAt.Year() > 9999 {
			t.Fatalf("a time that has no wire form: %v", e.SentAt)
		}
		wire, err := core.EncodeEnvelope(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := core.DecodeEnvelope(wire); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzFileRef(f *testing.F) {
	f.Add("file:1", "unique:2")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, file, unique string) {
		gotFile, gotUnique, err := parseFile(mintFile(file, unique))
		if err != nil || gotFile != file || gotUnique != unique {
			t.Fatalf("(%q, %q) came back as (%q, %q), %v", file, unique, gotFile, gotUnique, err)
		}
	})
}

func FuzzParseIDs(f *testing.F) {
	f.Add("7:abcdefgh")
	f.Add("-1001234567890")
	f.Fuzz(func(t *testing.T, s string) {
		if file, unique, err := parseFile(core.FileRef(s)); err == nil && mintFile(file, unique) != core.FileRef(s) {
			t.Fatalf("file %q is read as (%q, %q)", s, file, unique)
		}
		if n, err := parseChat(core.ChatID(s)); err == nil {
			if again, err := parseChat(mintChat(n)); err != nil || again != n {
				t.Fatalf("chat %q came back as %d, %v", s, again, err)
			}
		}
	})
}

// FuzzHTML: what is sent is well nested, says every word, and keeps to the limits.
func FuzzHTML(f *testing.F) {
	f.Add("**a *b* `c`** <b> & [x](javascript:alert(1)) \"q\"")
	f.Add("> # a\n> ```go\"\n> x\n> ```\n\n1. [`a`](https://x.org/?a=1&b=2)")
	f.Fuzz(func(t *testing.T, s string) {
		runs := prepare(document.Parse(s))
		for _, p := range pieces(runs, maxText) {
			html, entities := render(p)
			text := document.Text(p)
			if units(text) > maxText || entities > maxEntities {
				t.Fatalf("%d units, %d entities", units(text), entities)
			}
			got, err := readHTML(html)
			if err != nil {
				t.Fatalf("%v in %q", err, html)
			}
			if want := visible(text); got != want {
				t.Fatalf("html says %q, want %q", got, want)
			}
		}
	})
}

// readHTML is the text of well nested markup. Signs that XML has no place for are
// left out on both sides.
func readHTML(html string) (string, error) {
	dec := xml.NewDecoder(strings.NewReader("<x>" + visible(html) + "</x>"))
	var b strings.Builder
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return visible(b.String()), nil
		}
		if err != nil {
			return "", fmt.Errorf("not well nested: %w", err)
		}
		if text, ok := token.(xml.CharData); ok {
			b.Write(text)
		}
	}
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20 && r != '\n' && r != '\t', r == 0xfffe, r == 0xffff, r == 0xfffd:
			return -1
		default:
			return r
		}
	}, s)
}
