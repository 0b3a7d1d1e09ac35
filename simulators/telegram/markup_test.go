package telegram_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/simulators/telegram"
)

type ent = telegram.Entity

func e(kind string, offset, length int) ent { return ent{Type: kind, Offset: offset, Length: length} }

func TestHTML(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	lang := func(x ent, l string) ent { x.Language = l; return x }
	link := func(x ent, u string) ent { x.URL = u; return x }
	tests := []struct {
		in, text string
		want     []ent
	}{
		{"<b>a</b><strong>b</strong>", "ab", []ent{e("bold", 0, 2)}},
		{"<i>a</i> <em>b</em>", "a b", []ent{e("italic", 0, 1), e("italic", 2, 1)}},
		{"<u>a</u>-<ins>b</ins>", "a-b", []ent{e("underline", 0, 1), e("underline", 2, 1)}},
		{"<s>a</s>.<strike>b</strike>.<DEL>c</DEL>", "a.b.c", []ent{e("strikethrough", 0, 1), e("strikethrough", 2, 1), e("strikethrough", 4, 1)}},
		{`<tg-spoiler>a</tg-spoiler>.<span class="tg-spoiler">b</span>`, "a.b", []ent{e("spoiler", 0, 1), e("spoiler", 2, 1)}},
		{"<b>a<i>b</i></b>", "ab", []ent{e("bold", 0, 2), e("italic", 1, 1)}},
		{`<a href="http://x.org/?a=1&amp;b=2">x</a>`, "x", []ent{link(e("text_link", 0, 1), "http://x.org/?a=1&b=2")}},
		{`<a href="tg://user?id=7">x</a>`, "x", []ent{{Type: "text_mention", Length: 1, User: &telegram.User{ID: 7}}}},
		{`<a href="javascript:x">x</a>`, "x", nil},
		{"<code>a</code> <pre>b</pre>", "a b", []ent{e("code", 0, 1), e("pre", 2, 1)}},
		{`<pre><code class="language-go">x</code></pre>`, "x", []ent{lang(e("pre", 0, 1), "go")}},
		{"<blockquote>a</blockquote>", "a", []ent{e("blockquote", 0, 1)}},
		{"<blockquote expandable>a</blockquote>", "a", []ent{e("expandable_blockquote", 0, 1)}},
		{"&lt;&gt;&amp;&quot;&#65;&#x1F600;&nbsp;&", "<>&\"A😀&nbsp;&", nil},
		{"😀<b>x</b>", "😀x", []ent{e("bold", 2, 1)}},
		{"a > b", "a > b", nil},
		{"  <b> x </b>  ", " x", []ent{e("bold", 0, 2)}}, // leading space inside an entity stays
		{"<b>a<code>b</code>c</b>", "abc", []ent{e("bold", 0, 1), e("code", 1, 1), e("bold", 2, 1)}},
		{"<b></b>x", "x", nil},
		{"<code>/start</code> /help", "/start /help", []ent{e("code", 0, 6), e("bot_command", 7, 5)}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": tt.in, "parse_mode": "HTML"})
			if m.Text != tt.text {
				t.Errorf("text %q, want %q", m.Text, tt.text)
			}
			if d := cmp.Diff(tt.want, m.Entities); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMarkdownV2(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	tests := []struct {
		in, text string
		want     []ent
	}{
		{"*a* _b_ __c__ ~d~ ||e||", "a b c d e", []ent{e("bold", 0, 1), e("italic", 2, 1), e("underline", 4, 1), e("strikethrough", 6, 1), e("spoiler", 8, 1)}},
		{"*a _b_*", "a b", []ent{e("bold", 0, 3), e("italic", 2, 1)}},
		{"`a.b`", "a.b", []ent{e("code", 0, 3)}},
		{"```go\nx := 1\n```", "x := 1", []ent{{Type: "pre", Length: 6, Language: "go"}}},
		{"```\nx\n```", "x", []ent{e("pre", 0, 1)}},
		{`[x](http://x.org/a\)b)`, "x", []ent{{Type: "text_link", Length: 1, URL: "http://x.org/a)b"}}},
		{"![👍](tg://emoji?id=5368324170671202286)", "👍", []ent{{Type: "custom_emoji", Length: 2, CustomEmojiID: "5368324170671202286"}}},
		{`1\.5 \- \\`, `1.5 - \`, nil},
		{">a\n>b\nc", "a\nb\nc", []ent{e("blockquote", 0, 4)}},
		{">a\n>b||", "a\nb", []ent{e("expandable_blockquote", 0, 3)}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": tt.in, "parse_mode": "MarkdownV2"})
			if m.Text != tt.text {
				t.Errorf("text %q, want %q", m.Text, tt.text)
			}
			if d := cmp.Diff(tt.want, m.Entities); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMarkupErrors(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	tests := []struct{ mode, in, want string }{
		{"HTML", "é<h1>x</h1>", `Unsupported start tag "h1" at byte offset 2`},
		{"HTML", "<b>x", `Can't find end tag corresponding to start tag "b"`},
		{"HTML", "<b>x</i>", `Unmatched end tag at byte offset 4, expected "</b>", found "</i>"`},
		{"HTML", "x</b>", "Unexpected end tag at byte offset 1"},
		{"HTML", "<b", "Unclosed start tag at byte offset 0"},
		{"HTML", "<b>x</b", "Unclosed end tag at byte offset 4"},
		{"HTML", "a <", "Unclosed start tag at byte offset 2"},
		{"HTML", `<span class="x">x</span>`, `Tag "span" must have class "tg-spoiler" at byte offset 0`},
		{"HTML", `<a =x>`, `Empty attribute name in the tag "a" at byte offset 0`},
		{"HTML", `<a href="x>`, "Unclosed start tag at byte offset 0"},
		{"MarkdownV2", "a.", `Character '.' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "a!", `Character '!' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "a > b", `Character '>' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "é *a", "Can't find end of Bold entity at byte offset 3"},
		{"MarkdownV2", "*a _b*", "Can't find end of Bold entity at byte offset 5"},
		{"MarkdownV2", "`a", "Can't find end of Code entity at byte offset 0"},
		{"MarkdownV2", "```go\na", "Can't find end of PreCode entity at byte offset 0"},
		{"MarkdownV2", "[a](b", "Can't find end of a URL at byte offset 4"},
		{"MarkdownV2", "![a](http://x.org)", "Invalid tg://emoji or tg://time URL specified"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			r.refused("sendMessage", args{"chat_id": ann, "text": tt.in, "parse_mode": tt.mode},
				http.StatusBadRequest, "Bad Request: can't parse entities: "+tt.want)
		})
	}
	r.refused("sendMessage", args{"chat_id": ann, "text": "x", "parse_mode": "BBCode"}, http.StatusBadRequest, "Bad Request: unsupported parse_mode")
}

func TestGivenAndFoundEntities(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	m := ok[telegram.Message](r, "sendMessage", args{
		"chat_id": ann, "text": "😀 ask @parley_bot about /help, #go or https://go.dev/x.",
		"entities": []ent{e("bold", 0, 2), e("bold", 900, 3), e("italic", 3, 0), e("url", 0, 4)},
	})
	want := []ent{e("bold", 0, 2), e("mention", 7, 11), e("bot_command", 25, 5), e("hashtag", 32, 3), e("url", 39, 16)}
	if d := cmp.Diff(want, m.Entities); d != "" {
		t.Error(d)
	}
	r.refused("sendMessage", args{"chat_id": ann, "text": "x", "entities": []map[string]any{{"type": "bold", "offset": 0}}},
		http.StatusBadRequest, `Bad Request: can't parse MessageEntity: Can't find field "length"`)
	many := strings.Repeat("<b>a</b> ", 150)
	m = ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": many, "parse_mode": "html"})
	if len(m.Entities) != 100 {
		t.Errorf("%d entities kept", len(m.Entities))
	}
}

// checkShown holds what every accepted text must keep: entities inside the text, none empty, and
// nothing that JSON cannot carry.
func checkShown(t *testing.T, m telegram.Message) {
	t.Helper()
	limit := len(utf16.Encode([]rune(m.Text)))
	for _, x := range m.Entities {
		if x.Length <= 0 || x.Offset < 0 || x.Offset+x.Length > limit {
			t.Fatalf("entity %+v outside %q", x, m.Text)
		}
	}
	if strings.TrimRight(m.Text, " \n\t") != m.Text || m.Text == "" {
		t.Fatalf("text %q is not trimmed", m.Text)
	}
}

func FuzzMarkup(f *testing.F) {
	for _, seed := range []string{
		"<b>a</b>", `<a href="http://x.org">x</a>`, "&#65;&lt", "<pre><code class=\"language-go\">x</code></pre>",
		"*a* _b_ ||c||", "```go\nx```", "[a](b)", ">a\n>b||\nc", "\r\n\t x ", "😀<i>é</i>", "**>a||", "___a___", "![x](tg://emoji?id=1)",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	s := telegram.New(telegram.Options{MaxMessages: 4, MaxCalls: 4, MaxEvents: 4})
	f.Cleanup(s.Close)
	s.AddBot(token, botID, "parley_bot", "Parley")
	s.AddUser(telegram.User{ID: ann, FirstName: "Ann"})
	if err := s.OpenPrivate(0, ann); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, html bool) {
		mode := "MarkdownV2"
		if html {
			mode = "HTML"
		}
		body, err := json.Marshal(args{"chat_id": ann, "text": text, "parse_mode": mode})
		if err != nil {
			t.Fatal(err)
		}
		out := inMemory(t, s, "sendMessage", body)
		if out.OK {
			var m telegram.Message
			if err := json.Unmarshal(out.Result, &m); err != nil {
				t.Fatal(err)
			}
			checkShown(t, m)
		} else if out.ErrorCode != http.StatusBadRequest {
			t.Fatalf("refused with %d %s", out.ErrorCode, out.Description)
		}
	})
}
