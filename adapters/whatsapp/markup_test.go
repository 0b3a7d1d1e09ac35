package whatsapp

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

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

// A quotation behind a name begins a line of its own.
func TestQuotationBehindAName(t *testing.T) {
	t.Parallel()
	messages, err := plan(core.Reply{Parts: []core.Part{core.Mention{Name: "Ann"}, core.Text{Text: "> a\n> b", Format: core.Markdown}}}, cloudDialect)
	if err != nil {
		t.Fatal(err)
	}
	if got := messages[0].text; got != "@Ann\u00a0\n> a\n> b" {
		t.Errorf("shown %q", got)
	}
}

// A text that is too long only with its marks is cut no shorter than it must be.
func TestMarkedPiecesAreFull(t *testing.T) {
	t.Parallel()
	cut := pieces(prepare(document.Parse(strings.Repeat("**bold** and _word_ ", 1000))), maxText)
	for i, p := range cut[:len(cut)-1] {
		if units(p) > maxText || units(p) < maxText*9/10 {
			t.Errorf("piece %d has %d units", i, units(p))
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
		if units(p) > limit {
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
