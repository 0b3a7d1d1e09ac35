package discord

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var testReader = reader{
	account: "dc", self: "42", threads: map[string]string{"77": "70"}, roles: map[string]bool{"4242": true},
}

// inbound is a dispatch of the gateway.
type inbound struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

func inboundCases(t testing.TB) map[string]inbound {
	t.Helper()
	data, err := os.ReadFile("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]inbound
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestInboundGolden(t *testing.T) {
	t.Parallel()
	for name, in := range inboundCases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := []json.RawMessage{}
			for _, e := range testReader.envelopes(in.Event, in.Data, time.Unix(1700000000, 0)) {
				wire, err := core.EncodeEnvelope(e)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, wire)
			}
			data, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.GoldenJSON(t, "testdata/inbound/"+name+".json", data)
		})
	}
}

func TestOutboundGolden(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	file := fileRef{"1", "2", "3", "https://cdn.discordapp.com/a.png"}.mint()
	for name, parts := range map[string][]core.Part{
		"plain":    {core.Text{Text: "1 < 2 *not bold* snake_case\n# no heading\n- no list\n@everyone https://x.org/a_b"}},
		"markdown": {core.Text{Text: string(answer), Format: core.Markdown}},
		"buttons": {
			core.Text{Text: "choose"},
			core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}, {Label: "Docs", URL: "https://x.org"}}, {{Label: "No", Data: "n"}}}},
		},
		"mention": {core.Mention{User: "7", Name: "Ada <3"}, core.Text{Text: "look"}},
		"long":    {core.Text{Text: "```go\n" + strings.Repeat("line of code\n", 200) + "```\n" + strings.Repeat("word ", 300), Format: core.Markdown}},
		"media":   {core.Text{Text: "see"}, core.Media{Kind: core.Image, File: file, Caption: "short"}, core.Media{Kind: core.Voice, File: file, Caption: strings.Repeat("long ", 500)}},
		"places":  {core.Location{Latitude: 52.5, Longitude: -13.25}, core.Location{Latitude: 1, Longitude: 2, Title: "Home", Address: "Street 1"}, core.Contact{Name: "Ada", Phone: "+4912345"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messages, err := plan(core.Reply{Parts: parts})
			if err != nil {
				t.Fatal(err)
			}
			var out []any
			for _, m := range messages {
				out = append(out, map[string]any{"payload": m.payload(), "media": m.media})
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
		"long custom id": {core.Buttons{Rows: [][]core.Button{{{Label: "Pick", Data: strings.Repeat("x", 101)}}}}, `"Pick"`},
		"empty button":   {core.Buttons{Rows: [][]core.Button{{{Label: "Pick"}}}}, `"Pick"`},
		"foreign file":   {core.Media{Kind: core.Image, File: "nonsense"}, "not an id"},
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

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"**bold** and *italic*":        "**bold** and *italic*",
		"**bold *both***":              "**bold *both***",
		"~~gone~~ `co*de`":             "~~gone~~ `co*de`",
		"[text](https://x.org/a_(b))":  "[text](https://x.org/a_%28b%29)",
		"<https://x.org/a_b>":          "https://x.org/a_b",
		"> quoted\n> more\n\nafter":    "> quoted\n> more\n\nafter",
		"```go\nx\n```":                "```go\nx\n```",
		"snake_case 2*3":               "snake\\_case 2\\*3",
		"\\# no heading":               "\\# no heading",
		"a <@123> b":                   "a \\<@123> b",
		"`` a`b ``":                    "``a`b``",
		"x [y](javascript:alert(1)) z": "x y (javascript:alert(1)) z",
	} {
		if got := render(prepare(document.Parse(in))); got != want {
			t.Errorf("%q is rendered %q, want %q", in, got, want)
		}
	}
}

// A text that is too long only with its marks is cut no shorter than it must be.
func TestMarkedPiecesAreFull(t *testing.T) {
	t.Parallel()
	cut := pieces(prepare(document.Parse(strings.Repeat("**bold** and _word_ ", 1000))), maxText)
	for i, p := range cut[:len(cut)-1] {
		if n := utf8.RuneCountInString(render(p)); n > maxText || n < maxText*9/10 {
			t.Errorf("piece %d has %d letters", i, n)
		}
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	r := core.Reply{ID: "e.0", Final: true}
	seen := map[string]bool{}
	draft, second := r, r
	draft.Final = false
	second.Sent = []core.MessageID{"1"}
	for _, n := range []string{nonceOf("1", r), nonceOf("2", r), nonceOf("1", draft), nonceOf("1", second), nonceOf("1", core.Reply{ID: "e.1", Final: true})} {
		if len(n) > nonceLength || seen[n] {
			t.Errorf("nonce %q", n)
		}
		seen[n] = true
	}
	if again := r; nonceOf("1", r) != nonceOf("1", again) {
		t.Error("a nonce changes")
	}
}

func TestAnswersBecomeFaults(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for name, tc := range map[string]struct {
		answer answer
		class  fault.Class
		wait   time.Duration
		scope  fault.Scope
		unsure bool
	}{
		"unknown channel":   {answer{status: 404, spoke: true, code: 10003, leaves: true}, fault.Permanent, 0, 0, false},
		"missing access":    {answer{status: 403, spoke: true, code: 50001, leaves: true}, fault.Permanent, 0, 0, false},
		"revoked":           {answer{status: 401, spoke: true}, fault.NeedsHuman, 0, 0, false},
		"user limit":        {answer{status: 429, spoke: true, scope: "user", wait: 1500 * time.Millisecond}, fault.RateLimited, 1500 * time.Millisecond, fault.ScopeChat, false},
		"shared limit":      {answer{status: 429, spoke: true, scope: "shared", wait: time.Second}, fault.RateLimited, time.Second, fault.ScopeChat, false},
		"global limit":      {answer{status: 429, spoke: true, global: true, wait: time.Second}, fault.RateLimited, time.Second, fault.ScopeAccount, false},
		"edge":              {answer{status: 429, cause: cause, wait: time.Minute}, fault.RateLimited, time.Minute, fault.ScopeAccount, false},
		"server error":      {answer{status: 500, spoke: true, leaves: true}, fault.Retryable, 0, 0, true},
		"server error read": {answer{status: 500, spoke: true}, fault.Retryable, 0, 0, false},
		"bad gateway":       {answer{status: 502, cause: cause, leaves: true}, fault.Retryable, 0, 0, true},
		"unavailable":       {answer{status: 503, cause: cause, leaves: true}, fault.Retryable, 0, 0, false},
		"not sent":          {answer{cause: cause, leaves: true}, fault.Retryable, 0, 0, false},
		"lost":              {answer{cause: cause, sent: true, leaves: true}, fault.Retryable, 0, 0, true},
		"a page of an edge": {answer{status: 403, cause: cause, leaves: true}, fault.Retryable, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.answer.fault("dc")
			if fault.ClassOf(err) != tc.class || fault.Wait(err) != tc.wait || fault.ScopeOf(err) != tc.scope || fault.IsUnsure(err) != tc.unsure {
				t.Errorf("class %s, wait %v, scope %v, unsure %v", fault.ClassOf(err), fault.Wait(err), fault.ScopeOf(err), fault.IsUnsure(err))
			}
		})
	}
}

// What the bot lacks is named, with where to give it.
func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	for code, says := range map[int]string{50001: "applications.commands", 50013: "Attach Files"} {
		err := answer{status: 403, spoke: true, code: code, message: "Missing"}.fault("dc")
		if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), says) || !refused(err).is(code) {
			t.Errorf("code %d: %v", code, err)
		}
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	t.Parallel()
	c := &Config{Mode: ModeInteractions, APIURL: "nowhere", ApplicationID: "x"}
	keys := map[string]bool{}
	for _, p := range c.Validate() {
		keys[p.Key] = true
	}
	for _, want := range []string{"token", "application_id", "public_key", "api_url"} {
		if !keys[want] {
			t.Errorf("no problem with %s among %v", want, keys)
		}
	}
	if !c.NeedsPublicURL() || (&Config{Mode: ModeGateway}).NeedsPublicURL() {
		t.Error("only interactions need a public address")
	}
}

func FuzzInbound(f *testing.F) {
	for _, in := range inboundCases(f) {
		f.Add(in.Event, []byte(in.Data))
	}
	f.Fuzz(func(t *testing.T, event string, data []byte) {
		for _, e := range testReader.envelopes(event, data, time.Unix(1, 0)) {
			if e.ID == "" || e.In.Chat == "" || e.From.ID == "" || len(e.Parts) == 0 || e.SentAt.Location() != time.UTC {
				t.Fatalf("incomplete envelope %+v", e)
			}
			wire, err := core.EncodeEnvelope(e)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := core.DecodeEnvelope(wire); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzMarkdown: what is sent keeps to the limit and says every word.
func FuzzMarkdown(f *testing.F) {
	f.Add("**a *b* `c`** <b> & [x](javascript:alert(1)) \"q\"")
	f.Add("> # a\n> ```go\"\n> x\n> ```\n\n1. [`a`](https://x.org/?a=1&b=2) ~~*d*~~**e**")
	f.Add(strings.Repeat("[a](https://x.org/"+strings.Repeat("b", 400)+") ", 50))
	f.Add("```\na``b```c\n```\nhttps://x.org/a_b*c")
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range pieces(prepare(document.Parse(s)), maxText) {
			out := render(p)
			if n := utf8.RuneCountInString(out); n > maxText {
				t.Fatalf("%d letters", n)
			}
			if got, want := letters(out), letters(document.Text(p)); !holds(got, want) {
				t.Fatalf("%q says %q, want %q", out, got, want)
			}
		}
	})
}

// letters leaves out what marks are made of and what shows nothing, on both sides.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r < ' ' || r == '\u200b' || r == 0x7f || strings.ContainsRune("*_~|`>\\", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// holds tells whether all letters of want stand in got in their order: marks say
// addresses and languages besides.
func holds(got, want string) bool {
	rest := []rune(want)
	for _, r := range got {
		if len(rest) > 0 && r == rest[0] {
			rest = rest[1:]
		}
	}
	return len(rest) == 0
}

func FuzzFileRef(f *testing.F) {
	f.Add("1/2/3 https://cdn.discordapp.com/x")
	f.Fuzz(func(t *testing.T, s string) {
		if ref, err := parseFile(core.FileRef(s)); err == nil && ref.mint() != core.FileRef(s) {
			t.Fatalf("%q is read as %+v", s, ref)
		}
	})
}
