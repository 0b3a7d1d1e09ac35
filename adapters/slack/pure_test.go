package slack

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var testReader = reader{account: "sl", team: "T0SIM", self: "U0PARLEY"}

// testDelivery is one entry of testdata/deliveries.json.
type testDelivery struct {
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
}

func deliveries(t testing.TB) map[string]testDelivery {
	t.Helper()
	data, err := os.ReadFile("testdata/deliveries.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]testDelivery
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestInboundGolden(t *testing.T) {
	t.Parallel()
	for name, d := range deliveries(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := decode(d.Kind, d.Payload)
			if malformed := strings.HasPrefix(name, "malformed"); malformed != (err != nil) {
				t.Fatalf("decoding: %v", err)
			}
			wire, err := core.EncodeEnvelope(testReader.envelope(in, time.Unix(1700000000, 0)))
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.Golden(t, "testdata/inbound/"+name+".json", json.RawMessage(wire))
		})
	}
}

// TestPairsAreOneEnvelope: a message that mentions the bot comes as two events.
func TestPairsAreOneEnvelope(t *testing.T) {
	t.Parallel()
	all := deliveries(t)
	read := func(name string) core.Envelope {
		in, err := decode(all[name].Kind, all[name].Payload)
		if err != nil {
			t.Fatal(err)
		}
		return testReader.envelope(in, time.Unix(1, 0))
	}
	if diff := cmp.Diff(read("channel_mention"), read("channel_mention_as_app_mention")); diff != "" {
		t.Errorf("the two differ:\n%s", diff)
	}
	ids := map[core.EnvelopeID]string{}
	for _, name := range []string{"dm", "edited", "unfurled", "deleted", "own_echo", "reaction_added", "reaction_removed", "press", "select", "slash"} {
		e := read(name)
		if other, taken := ids[e.ID]; taken && name != "own_echo" && name != "unfurled" {
			t.Errorf("%s and %s have one id", name, other)
		}
		ids[e.ID] = name
	}
}

func TestOutboundGolden(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	picture := mintFile("F1", "https://x.slack.com/files/F1")
	for name, parts := range map[string][]core.Part{
		"plain":    {core.Text{Text: `1 < 2 & "x" > y <!channel> <@U1>`}},
		"markdown": {core.Text{Text: string(answer), Format: core.Markdown}},
		"buttons": {
			core.Text{Text: "**choose**", Format: core.Markdown},
			core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}, {Label: "Docs", URL: "https://x.org"}}, {{Label: strings.Repeat("No", 50), Data: "n"}}}},
		},
		"buttons_long": {core.Text{Text: strings.Repeat("word ", 700)}, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}}},
		"mention":      {core.Mention{User: "U7ADA", Name: "Ada <3"}, core.Text{Text: "look"}},
		"long":         {core.Text{Text: strings.Repeat("word ", 1700)}},
		"long_code":    {core.Text{Text: "```go\n" + strings.Repeat("x := \"a & b\"\n", 400) + "```", Format: core.Markdown}},
		"media":        {core.Text{Text: "see"}, core.Media{Kind: core.Image, File: picture, Name: "a.png", Caption: "a cat"}, core.Media{Kind: core.Voice, File: picture}},
		"file": {
			core.Text{Text: "see"}, core.Media{Kind: core.Image, Blob: "b", Name: "a/b.png", Caption: "a *cat* & more"}, core.Text{Text: "and"},
			core.Media{Kind: core.Voice, Blob: "c", MIME: "audio/ogg"}, core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}},
		},
		"places": {
			core.Location{Latitude: 52.5, Longitude: -13.25}, core.Location{Latitude: 1, Longitude: 2, Title: "Home", Address: "Street 1"},
			core.Contact{Name: "Ada", Phone: "+4912345"},
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
				if m.file != nil {
					m = m.showing(uploaded{id: "F9", page: "https://x.slack.com/files/U0/F9/a.png"})
				}
				if units(m.text) > maxText {
					t.Errorf("%d units", units(m.text))
				}
				out = append(out, shape(m))
			}
			adaptertest.Golden(t, "testdata/outbound/"+name+".json", out)
		})
	}
}

// shape is a message as a golden file shows it.
func shape(m outgoing) map[string]any {
	out := map[string]any{"text": m.text, "blocks": m.blocks}
	if m.file != nil {
		out["file"] = m.fileID
	}
	return out
}

func TestRender(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"**a** *b* ~~c~~ `d`":             "*a* _b_ ~c~ `d`",
		"**a *b* c**":                     "*a* *_b_* *c*",
		"x**y**z":                         "x\u200b*y*\u200bz",
		"**a\nb**":                        "*a*\n*b*",
		"[**a** b](https://x.org/?a=1&b)": "<https://x.org/?a=1&amp;b|a b>",
		"**[a](https://x.org)**":          "*<https://x.org|a>*",
		"[a](javascript:x)":               "a (javascript:x)",
		"[a|b](https://x.org/a|b>c)":      "<https://x.org/a%7Cb%3Ec|a|b>",
		"> a\n>\n> b\n\nc":                "> a\n> \n> b\n\nc",
		"- > a\n  > b\n- c":               "•\n>   a\n>   b\n• c",
		"1. x\n\n   > **a** b":            "1. x\n\n>    *a* b",
		"> - a\n> - b":                    "> • a\n> • b",
		"a\n\n```go\nx < y\n```\n\nb":     "a\n\n```\nx &lt; y\n```\n\nb",
		"- a\n\n      x\n- b":             "• a\n\n```\nx\n```\n\n• b",
		"`` a`b ``":                       "a`b",
		"````\n```\n````":                 "```\n``\u200b`\n```",
		"<!channel> &lt;@U1>":             "&lt;!channel&gt; &lt;@U1&gt;",
	} {
		if got := render(prepare(document.Parse(in))); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		part core.Part
		says string
	}{
		"long data":      {core.Buttons{Rows: [][]core.Button{{{Label: "Pick", Data: strings.Repeat("x", 2001)}}}}, `"Pick"`},
		"empty button":   {core.Buttons{Rows: [][]core.Button{{{Label: "Pick"}}}}, `"Pick"`},
		"wide row":       {core.Buttons{Rows: [][]core.Button{make26()}}, "26 buttons"},
		"many rows":      {core.Buttons{Rows: rows(48)}, "48 rows"},
		"foreign file":   {core.Media{Kind: core.Image, File: "nonsense"}, "not an id of this platform"},
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

func make26() []core.Button {
	row := make([]core.Button, 26)
	for i := range row {
		row[i] = core.Button{Label: "x", Data: "y"}
	}
	return row
}

func rows(n int) [][]core.Button {
	out := make([][]core.Button, n)
	for i := range out {
		out[i] = []core.Button{{Label: "x", Data: "y"}}
	}
	return out
}

func FuzzInbound(f *testing.F) {
	for _, d := range deliveries(f) {
		f.Add(d.Kind, []byte(d.Payload))
	}
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		in, _ := decode(kind, payload)
		e := testReader.envelope(in, time.Unix(1, 0))
		if e.ID == "" || e.In.Chat == "" || e.From.ID == "" || len(e.Parts) == 0 && e.Kind != core.KindDelete {
			t.Fatalf("incomplete envelope %+v", e)
		}
		if e.SentAt.Location() != time.UTC || e.SentAt.Year() < 0 || e.SentAt.Year() > 9999 {
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

func FuzzBody(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", []byte("payload=%7B%7D"))
	f.Add("application/x-www-form-urlencoded", []byte("command=%2Fx&channel_id=C1&user_id=U1"))
	f.Add("application/json", []byte(`{"type":"url_verification","challenge":"x"}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		in, err := readBody(contentType, body)
		if err != nil {
			return
		}
		if e := testReader.envelope(in, time.Unix(1, 0)); e.ID == "" {
			t.Fatalf("no id: %+v", e)
		}
	})
}

// FuzzMrkdwn: what is sent says every letter in order, keeps to the limit, opens
// nothing but what was meant, and closes its fences.
func FuzzMrkdwn(f *testing.F) {
	f.Add("**a *b* `c`** <b> & [x](javascript:alert(1)) \"q\" <!channel>")
	f.Add("> # a\n> ```go\"\n> x\n> ```\n\n1. [`a`](https://x.org/?a=1&b=2)")
	f.Add("`a`b``c```d```` `` ` ``")
	f.Fuzz(func(t *testing.T, s string) {
		runs := prepare(document.Parse(s))
		for _, p := range pieces(runs, 200) {
			text := render(p)
			if size := units(text); size > 200 && units(document.Text(p)) > leastPiece {
				t.Fatalf("%d units in %q", size, text)
			}
			checkFences(t, p, text)
			if got, want := letters(testReader.plain(text)), letters(document.Text(p)); !contains(got, want) {
				t.Fatalf("%q\nsays %q\nwant %q", text, got, want)
			}
		}
	})
}

// checkFences: there is one pair for each block of code.
func checkFences(t *testing.T, runs []document.Run, text string) {
	t.Helper()
	blocks := 0
	for _, r := range runs {
		if r.Style.Has(document.Pre) {
			blocks++
		}
	}
	if got := strings.Count(text, "```"); got != 2*blocks {
		t.Fatalf("%d fences around %d blocks: %q", got, blocks, text)
	}
}

// letters is what a text says without spaces and signs that no font has.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// contains tells whether the letters of want stand in got in their order.
func contains(got, want string) bool {
	rest := []rune(want)
	for _, r := range got {
		if len(rest) > 0 && rest[0] == r {
			rest = rest[1:]
		}
	}
	return len(rest) == 0
}

func FuzzFileRef(f *testing.F) {
	f.Add("F123", "https://x.slack.com/files/F123")
	f.Fuzz(func(t *testing.T, id, permalink string) {
		gotID, gotLink, err := parseFile(mintFile(id, permalink))
		if err == nil && (gotID != id || gotLink != permalink) || err != nil && idShape.MatchString(id) {
			t.Fatalf("(%q, %q) came back as (%q, %q), %v", id, permalink, gotID, gotLink, err)
		}
	})
}
