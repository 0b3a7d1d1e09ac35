package playground

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/internal/console"
	discordsim "github.com/parley-hub/parley/simulators/discord"
	simulator "github.com/parley-hub/parley/simulators/telegram"
)

func TestTelegramRuns(t *testing.T) {
	for _, c := range []struct {
		name     string
		text     string
		entities []simulator.Entity
		want     []console.Run
	}{
		{name: "nothing"},
		{name: "plain", text: "hello", want: []console.Run{{Text: "hello"}}},
		{
			name: "one style in the middle", text: "a bold b", entities: []simulator.Entity{{Type: "bold", Offset: 2, Length: 4}},
			want: []console.Run{{Text: "a "}, {Text: "bold", Style: console.Style{Bold: true}}, {Text: " b"}},
		},
		{
			name: "behind a surrogate pair", text: "😀 go 😀!", entities: []simulator.Entity{
				{Type: "italic", Offset: 3, Length: 2}, {Type: "spoiler", Offset: 6, Length: 2},
			},
			want: []console.Run{{Text: "😀 "}, {Text: "go", Style: console.Style{Italic: true}}, {Text: " "}, {Text: "😀", Style: console.Style{Spoiler: true}}, {Text: "!"}},
		},
		{
			name: "overlapping", text: "abcdef", entities: []simulator.Entity{
				{Type: "bold", Offset: 0, Length: 4}, {Type: "underline", Offset: 2, Length: 4}, {Type: "strikethrough", Offset: 2, Length: 2},
			},
			want: []console.Run{{Text: "ab", Style: console.Style{Bold: true}}, {Text: "cd", Style: console.Style{Bold: true, Underline: true, Strike: true}}, {Text: "ef", Style: console.Style{Underline: true}}},
		},
		{
			name: "code and links", text: "x = 1 here https://example.org/", entities: []simulator.Entity{
				{Type: "pre", Offset: 0, Length: 5, Language: "go"}, {Type: "text_link", Offset: 6, Length: 4, URL: "https://example.org/a"},
				{Type: "url", Offset: 11, Length: 20},
			},
			want: []console.Run{
				{Text: "x = 1", Style: console.Style{Pre: true, Language: "go"}}, {Text: " "}, {Text: "here", Link: "https://example.org/a"}, {Text: " "},
				{Text: "https://example.org/", Link: "https://example.org/"},
			},
		},
		{
			name: "quotes, code and mentions", text: "q c @ada", entities: []simulator.Entity{
				{Type: "expandable_blockquote", Offset: 0, Length: 1}, {Type: "code", Offset: 2, Length: 1}, {Type: "mention", Offset: 4, Length: 4},
			},
			want: []console.Run{{Text: "q", Style: console.Style{Quote: true}}, {Text: " "}, {Text: "c", Style: console.Style{Code: true}}, {Text: " "}, {Text: "@ada", Style: console.Style{Mention: true}}},
		},
		{
			name: "past the ends", text: "ab", entities: []simulator.Entity{
				{Type: "bold", Offset: -5, Length: 6}, {Type: "italic", Offset: 1, Length: 99}, {Type: "code", Offset: 50, Length: 1},
			},
			want: []console.Run{{Text: "a", Style: console.Style{Bold: true}}, {Text: "b", Style: console.Style{Italic: true}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := telegramRuns(c.text, c.entities)
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("runs (-want +got):\n%s", diff)
			}
			var text strings.Builder
			for _, r := range got {
				text.WriteString(r.Text)
			}
			if text.String() != c.text {
				t.Errorf("the words became %q", text.String())
			}
		})
	}
}

// spell writes runs so that a test can be read: <b>bold</b>.
func spell(runs []console.Run) string {
	var b strings.Builder
	for _, r := range runs {
		text := r.Text
		for _, s := range []struct {
			on   bool
			name string
		}{
			{r.Code, "code"}, {r.Pre, "pre"}, {r.Mention, "who"}, {r.Bold, "b"}, {r.Italic, "i"}, {r.Underline, "u"}, {r.Strike, "s"},
			{r.Spoiler, "secret"}, {r.Quote, "quote"},
		} {
			if s.on {
				text = "<" + s.name + ">" + text + "</" + s.name + ">"
			}
		}
		if r.Language != "" {
			text = r.Language + ":" + text
		}
		if r.Link != "" {
			text = "[" + text + "](" + r.Link + ")"
		}
		b.WriteString(text)
	}
	return b.String()
}

func TestSlackText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		"plain &lt;b&gt; &amp; done":      "plain <b> & done",
		"*bold* _it_ ~gone~ `x &lt; y`":   "<b>bold</b> <i>it</i> <s>gone</s> <code>x < y</code>",
		"*_both_*":                        "<i><b>both</b></i>",
		"2*3*4 snake_case_name":           "2*3*4 snake_case_name",
		"* no list *":                     "* no list *",
		"a\u200b*b*\u200bc":               "a<b>b</b>c",
		"see <https://a.test/x|the page>": "see [the page](https://a.test/x)",
		"*<https://a.test|bold page>*":    "[<b>bold page</b>](https://a.test)",
		"<https://a.test>":                "[https://a.test](https://a.test)",
		"<@U0PARLEY> <@U0ADA> <@U1>":      "<who>@Parley</who> <who>@Ada</who> <who>@U1</who>",
		"<!here> <#C1|general>":           "<who>!here</who> <who>general</who>",
		"a < b and `<@U0ADA>`":            "a < b and <code><@U0ADA></code>",
		"> one\n> two\nthree":             "<quote>one\ntwo</quote>\nthree",
		"x\n```\na *b*\n  c\n```\ny":      "x\n<pre>a *b*\n  c</pre>\ny",
		"```open":                         "```open",
	} {
		if got := spell(slackDialect.runs(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestWhatsAppText(t *testing.T) {
	for in, want := range map[string]string{
		"*bold* _it_ ~gone~ `code`":       "<b>bold</b> <i>it</i> <s>gone</s> <code>code</code>",
		"*_~all~_*":                       "<s><i><b>all</b></i></s>",
		"> said\nme":                      "<quote>said</quote>\nme",
		">no quote":                       ">no quote",
		"```x = 1``` then":                "<pre>x = 1</pre> then",
		"<b> is no mark":                  "<b> is no mark",
		"see https://a.test/a_b_c, *now*": "see [https://a.test/a_b_c](https://a.test/a_b_c), <b>now</b>",
	} {
		if got := spell(linked(whatsAppDialect.runs(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestDiscordText(t *testing.T) {
	name := func(id string) string { return "n" + id }
	for in, want := range map[string]string{
		"":                                         "",
		"**bold** *it* __under__ ~~gone~~ ||x||":   "<b>bold</b> <i>it</i> <u>under</u> <s>gone</s> <secret>x</secret>",
		"***both*** _it_":                          "<i><b>both</b></i> <i>it</i>",
		"**bold *and it***":                        "<b>bold </b><i><b>and it</b></i>",
		`\*no\* \_mark\_ \# 1\. \\`:                `*no* _mark_ # 1\. \`,
		"`code *x*` ``a`b``":                       "<code>code *x*</code> <code>a`b</code>",
		"```go\nx := 1\n```":                       "go:<pre>x := 1</pre>",
		"a\n```\none\ntwo\n```\nb":                 "a\n<pre>one\ntwo</pre>\nb",
		"> said\n> more\nme":                       "<quote>said\nmore</quote>\nme",
		"see [the **page**](https://a.test/x) now": "see [the ](https://a.test/x)[<b>page</b>](https://a.test/x) now",
		"https://a.test/a_b_c*d* end.":             "[https://a.test/a_b_c*d](https://a.test/a_b_c*d)* end.",
		"<@7> hello <@!8>":                         "<who>@n7</who> hello <who>@n8</who>",
		"1 * 2 ** 3":                               "1 * 2 ** 3",
		"[no link](nowhere) <tag>":                 "[no link](nowhere) <tag>",
	} {
		got := discordRuns(in, name)
		if spell(got) != want {
			t.Errorf("%q: %q, want %q", in, spell(got), want)
		}
	}
	// The simulator reads the same words.
	for _, in := range []string{"**a** *b* `c` [d](https://a.test) ~~e~~", "> q\nx", "```go\nx\n```", `\*a\*`} {
		if got, want := plainOf(discordRuns(in, name)), discordsim.Plain(in); got != want {
			t.Errorf("%q: %q, the simulator reads %q", in, got, want)
		}
	}
}

// FuzzText reads anything: no reader panics, and letters are not lost.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"*a* _b_", "```x```", "> q\n> r", "[a](https://b.test)", "<@1>", "**a *b***", "`", "\\", "||", "<https://a|b>", "_\u200b_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		letters := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || r >= 'A' && r <= 'z' && !strings.ContainsRune("[\\]^_`", r) {
					return r
				}
				return -1
			}, s)
		}
		slack := plainOf(slackDialect.runs(text))
		whatsApp := plainOf(linked(whatsAppDialect.runs(text)))
		discord := plainOf(discordRuns(text, func(id string) string { return id }))
		if !strings.ContainsAny(text, "<&") && letters(slack) != letters(text) {
			t.Errorf("Slack: %q became %q", text, slack)
		}
		if letters(whatsApp) != letters(text) {
			t.Errorf("WhatsApp: %q became %q", text, whatsApp)
		}
		if !strings.ContainsAny(text, "<[`") && letters(discord) != letters(text) {
			t.Errorf("Discord: %q became %q", text, discord)
		}
	})
}
