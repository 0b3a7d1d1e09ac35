package document_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/adapters/document"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// utf16Units is the measure of the platforms that count as JavaScript does.
func utf16Units(s string) int { return len(utf16.Encode([]rune(s))) }

var styleNames = []struct {
	style document.Style
	name  string
}{
	{document.Bold, "bold"}, {document.Italic, "italic"}, {document.Underline, "underline"},
	{document.Strike, "strike"}, {document.Spoiler, "spoiler"}, {document.Code, "code"},
	{document.Pre, "pre"}, {document.Quote, "quote"},
}

// dump writes runs for people to read, one to a line.
func dump(runs []document.Run) string {
	var b strings.Builder
	for _, r := range runs {
		var look []string
		for _, s := range styleNames {
			if r.Style.Has(s.style) {
				look = append(look, s.name)
			}
		}
		if r.Lang != "" {
			look = append(look, "lang="+r.Lang)
		}
		if r.Link != "" {
			look = append(look, "link="+r.Link)
		}
		fmt.Fprintf(&b, "[%s] %q\n", strings.Join(look, " "), r.Text)
	}
	return b.String()
}

func TestParseGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*.md")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			runs := document.Parse(string(source))
			got := dump(runs) + "---\n" + document.Plain(runs) + "\n"
			golden := strings.TrimSuffix(input, ".md") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("runs differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want []document.Run
	}{
		"nothing":          {"", nil},
		"words":            {"hello", []document.Run{{Text: "hello"}}},
		"nested styles":    {"a **b *c***", []document.Run{{Text: "a "}, {Text: "b ", Style: document.Bold}, {Text: "c", Style: document.Bold | document.Italic}}},
		"escapes":          {`1 \* 2 &amp; \&amp; &#65; &nope;`, []document.Run{{Text: "1 * 2 & &amp; A &nope;"}}},
		"snake case":       {"a_b_c", []document.Run{{Text: "a_b_c"}}},
		"raw html":         {"a <b>x</b>", []document.Run{{Text: "a <b>x</b>"}}},
		"html block":       {"<div>\nx\n</div>", []document.Run{{Text: "<div>\nx\n</div>"}}},
		"code and lang":    {"```go run\nx := 1\n\n```", []document.Run{{Text: "x := 1\n", Style: document.Pre, Lang: "go"}}},
		"open fence":       {"```go\nx", []document.Run{{Text: "x", Style: document.Pre, Lang: "go"}}},
		"link":             {"[a **b**](http://x.y \"t\")", []document.Run{{Text: "a ", Link: "http://x.y"}, {Text: "b", Style: document.Bold, Link: "http://x.y"}}},
		"empty link":       {"[](http://x.y)", []document.Run{{Text: "http://x.y", Link: "http://x.y"}}},
		"image":            {"![alt](http://x.y/i.png)", []document.Run{{Text: "alt", Link: "http://x.y/i.png"}}},
		"image in a link":  {"[![alt](http://i.png)](http://x.y)", []document.Run{{Text: "alt", Link: "http://x.y"}}},
		"autolink":         {"see http://x.org/a_b.", []document.Run{{Text: "see "}, {Text: "http://x.org/a_b", Link: "http://x.org/a_b"}, {Text: "."}}},
		"mail":             {"<a@b.org>", []document.Run{{Text: "a@b.org", Link: "mailto:a@b.org"}}},
		"breaks":           {"a\nb  \nc\\\nd", []document.Run{{Text: "a\nb\nc\nd"}}},
		"rule":             {"a\n\n---\n\nb", []document.Run{{Text: "a\n\n———\n\nb"}}},
		"invalid bytes":    {"a\xffb", []document.Run{{Text: "a\ufffdb"}}},
		"ordered from 3":   {"3. a\n4. b", []document.Run{{Text: "3. a\n4. b"}}},
		"code in a list":   {"- a\n\n      x", []document.Run{{Text: "• a\n\n"}, {Text: "x", Style: document.Pre}}},
		"quote":            {"> a\n>\n> b", []document.Run{{Text: "a\n\nb", Style: document.Quote}}},
		"quote in a list":  {"- a\n\n  > b\n  > c", []document.Run{{Text: "• a\n\n"}, {Text: "  b\n  c", Style: document.Quote}}},
		"item of a quote":  {"- > a\n  > b\n- c", []document.Run{{Text: "•\n"}, {Text: "  a\n  b", Style: document.Quote}, {Text: "\n• c"}}},
		"list in a quote":  {"> - a\n> - b", []document.Run{{Text: "• a\n• b", Style: document.Quote}}},
		"nested list":      {"- a\n  - b\n    c", []document.Run{{Text: "• a\n  • b\n    c"}}},
		"styled list":      {"- a\n- **b**\n  **c**", []document.Run{{Text: "• a\n• "}, {Text: "b", Style: document.Bold}, {Text: "\n  "}, {Text: "c", Style: document.Bold}}},
		"tasks":            {"- [x] a\n- [ ] b", []document.Run{{Text: "• ☑ a\n• ☐ b"}}},
		"table of one row": {"|a|b|\n|-|-:|\n|x|10|", []document.Run{{Text: "a │  b\n──┼───\nx │ 10", Style: document.Pre}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, document.Parse(tc.in)); diff != "" {
				t.Errorf("runs differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlainSpellsLinks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"[a **b**](http://x.y) c": "a b (http://x.y) c",
		"<http://x.y>":            "http://x.y",
		"<a@b.org>":               "a@b.org",
		"www.x.org":               "www.x.org",
		"[`f`](http://x.y)":       "f (http://x.y)",
	} {
		if got := document.Plain(document.Parse(in)); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	family := "👨\u200d👩\u200d👧"
	for name, tc := range map[string]struct {
		in    string
		limit int
		want  []string
	}{
		"fits":                  {"hello", 5, []string{"hello"}},
		"blank":                 {" \n ", 5, nil},
		"paragraph":             {"aaaa bbbb.\n\ncccc dddd", 16, []string{"aaaa bbbb.", "cccc dddd"}},
		"line":                  {"aaaa bbbb\ncccc dddd", 16, []string{"aaaa bbbb", "cccc dddd"}},
		"sentence":              {"Aaaa bbb. Cccc dddd", 16, []string{"Aaaa bbb.", "Cccc dddd"}},
		"sentence without gaps": {"你好世界。再见世界吧", 8, []string{"你好世界。", "再见世界吧"}},
		"word":                  {"aaaa bbbb cccc", 10, []string{"aaaa bbbb", "cccc"}},
		"inside a word":         {"aaaabbbb", 4, []string{"aaaa", "bbbb"}},
		"surrogates":            {"😀😀😀", 5, []string{"😀😀", "😀"}},
		"joined emoji":          {"a" + family, 8, []string{"a", family}},
		"joined emoji too long": {family + "x", 4, []string{"👨\u200d", "👩\u200d", "👧x"}},
		"combining":             {"aae\u0301", 3, []string{"aa", "e\u0301"}},
		"flags":                 {"🇩🇪🇫🇷", 6, []string{"🇩🇪", "🇫🇷"}},
		"rune over the limit":   {"a😀b", 1, []string{"a", "😀", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, piece := range document.Split([]document.Run{{Text: tc.in}}, tc.limit, utf16Units) {
				got = append(got, document.Text(piece))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("pieces differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSplitKeepsCodeBlocksWhole(t *testing.T) {
	t.Parallel()
	code := document.Run{Text: "a := 1\n\nb := 2", Style: document.Pre, Lang: "go"}
	runs := []document.Run{{Text: "some words\n\n"}, code, {Text: "\n\nmore"}}
	got := document.Split(runs, 20, utf16Units)
	want := [][]document.Run{{{Text: "some words"}}, {code, {Text: "\n\nmore"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pieces differ (-want +got):\n%s", diff)
	}
}

func TestSplitCutsLongCodeAtLines(t *testing.T) {
	t.Parallel()
	line := func(text string) []document.Run {
		return []document.Run{{Text: text, Style: document.Pre, Lang: "go"}}
	}
	runs := line("if x {\n    return\n}\n\n    y()")
	got := document.Split(runs, 12, utf16Units)
	want := [][]document.Run{line("if x {"), line("    return\n}"), line("\n    y()")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pieces differ (-want +got):\n%s", diff)
	}
}

func TestSplitContinuesLooks(t *testing.T) {
	t.Parallel()
	runs := []document.Run{{Text: "aaaa bbbb", Style: document.Bold, Link: "http://x.y"}}
	got := document.Split(runs, 5, utf16Units)
	want := [][]document.Run{
		{{Text: "aaaa", Style: document.Bold, Link: "http://x.y"}},
		{{Text: "bbbb", Style: document.Bold, Link: "http://x.y"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pieces differ (-want +got):\n%s", diff)
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "abc": 3, "世界": 4, "e\u0301": 1, "😀": 2, "Ω": 1} {
		if got := document.Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

// letters is a text without its white space: what no cut may change.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// fataler is what *testing.T and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkSplit holds a split to what Split promises.
func checkSplit(t fataler, runs []document.Run, limit int) {
	t.Helper()
	pieces := document.Split(runs, limit, utf16Units)
	var all strings.Builder
	for i, piece := range pieces {
		text := document.Text(piece)
		if strings.TrimSpace(text) == "" {
			t.Fatalf("piece %d is blank: %q", i, text)
		}
		if n := utf16Units(text); n > limit && utf8.RuneCountInString(text) > 1 {
			t.Fatalf("piece %d has %d units, limit %d", i, n, limit)
		}
		if !utf8.ValidString(text) {
			t.Fatalf("piece %d is cut inside a rune: %q", i, text)
		}
		all.WriteString(text)
	}
	if got, want := letters(all.String()), letters(document.Text(runs)); got != want {
		t.Fatalf("text lost:\n got %q\nwant %q", got, want)
	}
	checkBlocks(t, runs, pieces, limit)
}

// checkBlocks: a code block that fits is in one piece, and code keeps every sign.
func checkBlocks(t fataler, runs []document.Run, pieces [][]document.Run, limit int) {
	t.Helper()
	for _, r := range document.Append(nil, runs...) {
		if !r.Style.Has(document.Pre) || utf16Units(r.Text) > limit || strings.TrimSpace(r.Text) == "" {
			continue
		}
		whole := false
		for _, piece := range pieces {
			for _, p := range piece {
				whole = whole || (p.Style == r.Style && p.Lang == r.Lang && p.Text == r.Text)
			}
		}
		if !whole {
			t.Fatalf("code block %q was cut at limit %d", r.Text, limit)
		}
	}
}

// checkShown holds a split to what SplitShown promises; with markup every letter shows as two.
func checkShown(t fataler, runs []document.Run, limit, most int) {
	t.Helper()
	shown := func(piece []document.Run) int { return 2 * utf16Units(document.Text(piece)) }
	var all strings.Builder
	for i, piece := range document.SplitShown(runs, limit, utf16Units, shown, most) {
		text := document.Text(piece)
		if n := utf16Units(text); utf8.RuneCountInString(text) > 1 && (n > limit || 2*n > most) {
			t.Fatalf("piece %d has %d units, limit %d, shown at most %d", i, n, limit, most)
		}
		all.WriteString(text)
	}
	if got, want := letters(all.String()), letters(document.Text(runs)); got != want {
		t.Fatalf("text lost:\n got %q\nwant %q", got, want)
	}
}

func TestSplitProperties(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.SampledFrom([]rune("aab c.\n\n!😀e\u0301\u200d👨世。🇩")), 0, 40, -1)
	run := rapid.Custom(func(t *rapid.T) document.Run {
		return document.Run{
			Text:  text.Draw(t, "text"),
			Style: rapid.SampledFrom([]document.Style{0, 0, document.Bold, document.Pre, document.Quote | document.Pre}).Draw(t, "style"),
			Lang:  rapid.SampledFrom([]string{"", "go"}).Draw(t, "lang"),
			Link:  rapid.SampledFrom([]string{"", "http://x.y"}).Draw(t, "link"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		runs := rapid.SliceOfN(run, 0, 8).Draw(t, "runs")
		checkSplit(t, runs, rapid.IntRange(2, 60).Draw(t, "limit"))
		checkShown(t, runs, rapid.IntRange(2, 60).Draw(t, "words"), rapid.IntRange(4, 90).Draw(t, "most"))
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "**a*", "> - 1. x\n```", "|a|\n|-|\n|b", "[a](<b> 'c')", "&#0;&#xD800;", "- [ ] \n\n\t\tx", "<!-- a", "<script>\nx</script>y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range document.Parse(s) {
			if r.Text == "" || !utf8.ValidString(r.Text) {
				t.Fatalf("bad run %+v", r)
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("# a\n\nb **c** d\n\n```go\nx\ny\n```\n", 10)
	f.Add("- a\n- b 😀😀😀\n\n|a|b|\n|-|-|\n|c|d|", 7)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		checkSplit(t, document.Parse(s), 2+max(limit, -limit, 0)%100)
	})
}
