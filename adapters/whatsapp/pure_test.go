package whatsapp

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

func checkGolden(t *testing.T, path string, v any) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if *updateGolden {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

var testReader = reader{account: "wa", number: "106540352242922"}

// messages reads testdata/messages.json: single messages by name.
func messages(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("testdata/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func changeWith(message json.RawMessage) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"field":"messages","value":{"messaging_product":"whatsapp",`+
		`"metadata":{"display_phone_number":"+1 555-078-3881","phone_number_id":"106540352242922"},`+
		`"contacts":[{"profile":{"name":"Ann","username":"ann"},"wa_id":"16505551234"}],"messages":[%s]}}`, message))
}

func TestInboundGolden(t *testing.T) {
	t.Parallel()
	for name, message := range messages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := changeWith(message)
			if whole, ok := strings.CutPrefix(name, "change_"); ok && whole != "" {
				raw = message
			}
			got := testReader.change(raw, time.Unix(1700000000, 0))
			var out []json.RawMessage
			for _, a := range got.arrivals {
				wire, err := core.EncodeEnvelope(a.Envelope)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, wire)
			}
			checkGolden(t, "testdata/inbound/"+name+".json", map[string]any{
				"envelopes": out, "statuses": len(got.statuses), "errors": len(got.errors), "foreign": got.foreign, "unread": got.unread,
			})
		})
	}
}

func TestOutboundGolden(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(labels ...string) (row []core.Button) {
		for _, l := range labels {
			row = append(row, core.Button{Label: l, Data: "data of " + l})
		}
		return row
	}
	file := mintFile("123456")
	for name, parts := range map[string][]core.Part{
		"plain":    {core.Text{Text: `1 < 2 & "x" *not bold* 2*3*4 snake_case_word https://x.org/_a_b_`}},
		"markdown": {core.Text{Text: string(answer), Format: core.Markdown}},
		"buttons":  {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("Yes"), row("No")}}},
		"buttons and address": {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{
			row("Yes"), {{Label: "Docs", URL: "https://x.org"}},
		}}},
		"list":           {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "b", "c", "A label of more than four and twenty")}}},
		"too many":       {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")}}},
		"two of a label": {core.Text{Text: "choose"}, core.Buttons{Rows: [][]core.Button{row("a", "a")}}},
		"buttons under a long text": {
			core.Text{Text: strings.Repeat("long ", 300)}, core.Buttons{Rows: [][]core.Button{row("Yes")}},
		},
		"mention": {core.Mention{User: "7", Name: "Ada"}, core.Text{Text: "look"}},
		"long":    {core.Text{Text: strings.Repeat("word ", 1700)}},
		"media": {
			core.Text{Text: "see"},
			core.Media{Kind: core.Image, File: file, Caption: "short"},
			core.Media{Kind: core.Document, File: file, Name: "a.pdf"},
			core.Media{Kind: core.Sticker, File: file, Caption: "stickers carry none"},
			core.Media{Kind: core.Voice, File: file},
			core.Media{Kind: core.Video, File: file, Caption: strings.Repeat("long ", 300)},
		},
		"places": {
			core.Location{Latitude: 52.5, Longitude: -13.25},
			core.Location{Latitude: 1, Longitude: 2, Title: "Home", Address: "Street 1"},
			core.Contact{Name: "Ada", Phone: "+4912345", User: "4912345"},
			core.Contact{Name: "Only a name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planned, err := plan(core.Reply{Parts: parts})
			if err != nil {
				t.Fatal(err)
			}
			to := core.Conversation{Account: "wa", Place: core.Private, Chat: "16505551234"}
			r := core.Reply{ID: "e.0", To: to, InReplyTo: "wamid.asked"}
			var out []fields
			for _, m := range planned {
				body, err := addressed(m, r)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, body)
				r.Sent = append(r.Sent, "wamid.x")
			}
			checkGolden(t, "testdata/outbound/"+strings.ReplaceAll(name, " ", "_")+".json", out)
		})
	}
}

func TestAddressed(t *testing.T) {
	t.Parallel()
	in := func(place core.Place, chat core.ChatID) core.Conversation {
		return core.Conversation{Account: "wa", Place: place, Chat: chat}
	}
	for name, tc := range map[string]struct {
		reply core.Reply
		field string
		want  any
	}{
		"a number":        {core.Reply{To: in(core.Private, "16505551234")}, "to", "16505551234"},
		"a scoped id":     {core.Reply{To: in(core.Private, "US.13491208655302741918")}, "recipient", "US.13491208655302741918"},
		"nobody":          {core.Reply{To: in(core.Private, "0")}, "", nil},
		"a group":         {core.Reply{To: in(core.Group, "1")}, "", nil},
		"a foreign quote": {core.Reply{To: in(core.Private, "1"), InReplyTo: "17"}, "", nil},
	} {
		body, err := addressed(textMessage("x"), tc.reply)
		if tc.field == "" {
			if fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || body[tc.field] != tc.want {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		part core.Part
		says string
	}{
		"empty button":   {core.Buttons{Rows: [][]core.Button{{{Label: "Pick"}}}}, `"Pick"`},
		"foreign file":   {core.Media{Kind: core.Image, File: "../me"}, "not an id of this platform"},
		"unknown media":  {core.Media{Kind: "hologram", File: "1"}, "hologram"},
		"inbound's part": {core.Unsupported{What: "poll"}, "Unsupported"},
	} {
		_, err := plan(core.Reply{Parts: []core.Part{core.Text{Text: "hi"}, tc.part}})
		if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: class %s: %v", name, fault.ClassOf(err), err)
		}
	}
}

func TestMarkup(t *testing.T) {
	t.Parallel()
	for markdown, want := range map[string]string{
		"**bold** *it* ~~no~~ `x`":       "*bold* _it_ ~no~ `x`",
		"***both***":                     "*_both_*",
		"in**side**word":                 "insideword",
		"**a\nb**":                       "*a*\n*b*",
		"> one\n> two\n\nthree":          "> one\n> two\n\nthree",
		"> **b**\n>\n> c":                "> *b*\n\n> c",
		"```go\nx := 1\n```":             "```x := 1```",
		"[site](https://x.org)":          "site (https://x.org)",
		"<https://x.org/_a_>":            "https://x.org/_a_",
		"# Title":                        "*Title*",
		"- a\n- b":                       "• a\n• b",
		"``a`b``":                        "a`b",
		`\*stars\*`:                      "*\u200bstars*",
		"2 \\* 3 \\* 4, snake_case_word": "2 * 3 * 4, snake_case_word",
		"(**b**), *i*.":                  "(*b*), _i_.",
		"**日本**語":                        "日本語",
		"😀**b**😀":                        "😀*b*😀",
		"    ```\n    still code":        "```" + "``\u200b`\nstill code" + "```",
	} {
		if got := strings.Join(pieces(prepare(document.Parse(markdown)), maxText), "|"); got != want {
			t.Errorf("%q: %q, want %q", markdown, got, want)
		}
	}
}

// A fence that is cut goes on as a fence.
func TestFencesAreReopened(t *testing.T) {
	t.Parallel()
	markdown := "before\n\n```\n" + strings.Repeat("a line of code\n", 600) + "```\n\nafter"
	cut := pieces(prepare(document.Parse(markdown)), maxText)
	if len(cut) < 3 {
		t.Fatalf("%d pieces", len(cut))
	}
	for i, p := range cut {
		if n := strings.Count(p, fence); n%2 != 0 || (i < len(cut)-1 && n == 0 && i > 0) {
			t.Errorf("piece %d has %d fences", i, n)
		}
	}
}

// What is sent keeps to the limit and says every word, whatever the styles.
func checkRendered(t interface {
	Fatalf(format string, args ...any)
}, runs []document.Run, limit int) {
	prepared := prepare(runs)
	var said strings.Builder
	for _, p := range pieces(prepared, limit) {
		if units(p) > limit && units(p) > leastPiece {
			t.Fatalf("%d units, at most %d", units(p), limit)
		}
		said.WriteString(p)
	}
	if got, want := letters(said.String()), letters(document.Text(prepared)); got != want {
		t.Fatalf("says %q, want %q", got, want)
	}
}

// letters are the signs that no mark is made of.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("*_~`>"+defuser, r) {
			return -1
		}
		return r
	}, s)
}

func TestNoWordIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var runs []document.Run
		for range rapid.IntRange(0, 12).Draw(t, "runs") {
			runs = append(runs, document.Run{
				Text:  rapid.StringOf(rapid.SampledFrom([]rune("ab *_~`>\n.日😀\u200d́"))).Draw(t, "text"),
				Style: document.Style(rapid.IntRange(0, 255).Draw(t, "style")),
				Link:  rapid.SampledFrom([]string{"", "https://x.org"}).Draw(t, "link"),
			})
		}
		checkRendered(t, runs, rapid.SampledFrom([]int{70, 200, maxText}).Draw(t, "limit"))
	})
}

func FuzzMarkup(f *testing.F) {
	f.Add("**a *b* `c`** <b> & [x](javascript:alert(1)) \"q\" ~~s~~")
	f.Add("> # a\n> ```go\"\n> x\n> ```\n\n1. [`a`](https://x.org/?a=1&b=2)")
	f.Fuzz(func(t *testing.T, s string) {
		checkRendered(t, document.Parse(s), maxText)
		checkRendered(t, []document.Run{{Text: s}}, maxText)
	})
}

func FuzzChange(f *testing.F) {
	for _, raw := range messages(f) {
		f.Add([]byte(raw))
		f.Add([]byte(changeWith(raw)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, raw := range [][]byte{data, changeWith(data)} {
			for _, e := range testReader.change(raw, time.Unix(1, 0)).arrivals {
				if e.ID == "" || e.In.Chat == "" || e.From.ID == "" || len(e.Parts) == 0 || e.SentAt.Location() != time.UTC {
					t.Fatalf("incomplete envelope %+v", e)
				}
				wire, err := core.EncodeEnvelope(e.Envelope)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := core.DecodeEnvelope(wire); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const chat, account = fault.ScopeChat, fault.ScopeAccount
	for _, tc := range []struct {
		status, code int
		class        fault.Class
		scope        fault.Scope
		unsure       bool
	}{
		{401, 190, fault.NeedsHuman, 0, false},
		{401, 0, fault.NeedsHuman, 0, false},
		{403, 10, fault.NeedsHuman, 0, false},
		{403, 200, fault.NeedsHuman, 0, false},
		{403, 299, fault.NeedsHuman, 0, false},
		{500, 3, fault.NeedsHuman, 0, false},
		{403, 131031, fault.NeedsHuman, 0, false},
		{400, 131048, fault.NeedsHuman, 0, false},
		{400, 133010, fault.NeedsHuman, 0, false},
		{400, 130429, fault.RateLimited, account, false},
		{400, 4, fault.RateLimited, account, false},
		{400, 80007, fault.RateLimited, account, false},
		{400, 131056, fault.RateLimited, chat, false},
		{400, 100, fault.Permanent, 0, false},
		{400, 131026, fault.Permanent, 0, false},
		{500, 131026, fault.Permanent, 0, false},
		{400, 131030, fault.Permanent, 0, false},
		{400, 131047, fault.Permanent, 0, false},
		{404, 132001, fault.Permanent, 0, false},
		{503, 131016, fault.Retryable, 0, false},
		{503, 133004, fault.Retryable, 0, false},
		{500, 131000, fault.Retryable, 0, true},
		{500, 1, fault.Retryable, 0, true},
		{503, 2, fault.Retryable, 0, true},
		{500, 999999, fault.Retryable, 0, true},
		{400, 999999, fault.Permanent, 0, false},
	} {
		a := answer{op: "send", leaves: true, sent: true, status: tc.status, refusal: &refusal{code: tc.code, text: "no"}}
		err := a.fault("wa")
		if fault.ClassOf(err) != tc.class || fault.ScopeOf(err) != tc.scope || fault.IsUnsure(err) != tc.unsure {
			t.Errorf("%d/%d: class %s, scope %d, unsure %v", tc.status, tc.code, fault.ClassOf(err), fault.ScopeOf(err), fault.IsUnsure(err))
		}
		if tc.class == fault.RateLimited && fault.Wait(err) <= 0 {
			t.Errorf("%d/%d: no wait", tc.status, tc.code)
		}
		a.leaves = false
		if fault.IsUnsure(a.fault("wa")) {
			t.Errorf("%d/%d: a call that leaves nothing is unsure", tc.status, tc.code)
		}
	}
	silent := errors.New("silence")
	for _, tc := range []struct {
		answer answer
		class  fault.Class
		unsure bool
	}{
		{answer{leaves: true, cause: silent}, fault.Retryable, false},
		{answer{leaves: true, cause: silent, sent: true}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 200}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 502}, fault.Retryable, true},
		{answer{leaves: true, cause: silent, sent: true, status: 429}, fault.RateLimited, false},
		{answer{leaves: true, cause: silent, sent: true, status: 401}, fault.NeedsHuman, false},
		{answer{leaves: true, cause: silent, sent: true, status: 302}, fault.Permanent, false},
	} {
		err := tc.answer.fault("wa")
		if fault.ClassOf(err) != tc.class || fault.IsUnsure(err) != tc.unsure {
			t.Errorf("%+v: class %s, unsure %v", tc.answer, fault.ClassOf(err), fault.IsUnsure(err))
		}
	}
	if h := (http.Header{"Retry-After": {"99999999999"}}); retryAfter(h) > longestWait {
		t.Error("a wait without an end is believed")
	}
}

func TestMediaAddress(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://graph.facebook.com")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]netip.Addr{
		"lookaside.fbsbx.com": {netip.MustParseAddr("157.240.1.1")},
		"in.fbcdn.net":        {netip.MustParseAddr("157.240.1.1"), netip.MustParseAddr("10.0.0.1")},
		"me.whatsapp.net":     {netip.MustParseAddr("::ffff:127.0.0.1")},
		"link.whatsapp.net":   {netip.MustParseAddr("169.254.169.254")},
		"six.fbcdn.net":       {netip.MustParseAddr("fd00::1")},
	}
	a := &Cloud{api: &api{base: base}, lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if ips, ok := found[host]; ok {
			return ips, nil
		}
		return nil, errors.New("no such host")
	}}
	for address, want := range map[string]fault.Class{
		"https://lookaside.fbsbx.com/whatsapp/?mid=1": 0,
		"https://graph.facebook.com/v25.0/x":          0,
		"https://in.fbcdn.net/x":                      fault.Permanent,
		"https://me.whatsapp.net/x":                   fault.Permanent,
		"https://link.whatsapp.net/x":                 fault.Permanent,
		"https://six.fbcdn.net/x":                     fault.Permanent,
		"https://unknown.fbcdn.net/x":                 fault.Retryable,
		"https://lookaside.fbsbx.com:8443/x":          fault.Permanent,
		"http://graph.facebook.com/x":                 fault.Permanent,
		"https://127.0.0.1/x":                         fault.Permanent,
		"https://fbcdn.net.evil.org/x":                fault.Permanent,
	} {
		if _, err := a.mediaAddress(t.Context(), address); fault.ClassOf(err) != want {
			t.Errorf("%s: class %s: %v", address, fault.ClassOf(err), err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := func() *Config {
		c := defaults()
		c.AccessToken, c.AppSecret, c.VerifyToken, c.PhoneNumberID = secret.New("a"), secret.New("b"), secret.New("c"), "1"
		return c
	}
	if problems := good().Validate(); len(problems) != 0 || !good().NeedsPublicURL() {
		t.Errorf("%+v", problems)
	}
	if n := len((&Config{}).Validate()); n != 7 {
		t.Errorf("an empty section has %d problems", n)
	}
	for key, spoil := range map[string]func(*Config){
		"access_token":    func(c *Config) { c.AccessToken = secret.String{} },
		"api_url":         func(c *Config) { c.APIURL = "ftp://x" },
		"api_version":     func(c *Config) { c.APIVersion = "../25" },
		"app_secret":      func(c *Config) { c.AppSecret = secret.String{} },
		"limits.chat":     func(c *Config) { c.Limits.Chat.Per = 0 },
		"mode":            func(c *Config) { c.Mode = "pigeon" },
		"phone_number_id": func(c *Config) { c.PhoneNumberID = "+1 555" },
		"status_grace":    func(c *Config) { c.StatusGrace = -1 },
		"template":        func(c *Config) { c.Template.Name = "x" },
		"verify_token":    func(c *Config) { c.VerifyToken = secret.String{} },
	} {
		c := good()
		spoil(c)
		if p := c.Validate(); len(p) != 1 || p[0].Key != key {
			t.Errorf("%s: %+v", key, p)
		}
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	t.Parallel()
	r := newRecent[int, string](2)
	r.set(1, "a")
	r.set(2, "b")
	r.set(1, "c")
	r.set(3, "d")
	_, two := r.get(2)
	if one, ok := r.get(1); two || !ok || one != "c" || len(r.items) != 2 || r.order.Len() != 2 {
		t.Errorf("2 is there: %v; 1 is %q", two, one)
	}
}
