package adaptertest

import (
	"embed"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
)

// corpus holds answers as models write them: nested lists, tables, long code, other
// scripts, emoji of many code points, signs that other formats read as markup,
// broken Markdown. Words like w001 are planted where people must see them.
//
//go:embed corpus/*.md
var corpus embed.FS

var planted = regexp.MustCompile(`w\d{3}`)

// Corpus gives the answers by name, for a platform's own golden files.
func Corpus(tb testing.TB) map[string]string {
	tb.Helper()
	files, err := fs.Glob(corpus, "corpus/*.md")
	if err != nil {
		tb.Fatal(err)
	}
	out := make(map[string]string, len(files))
	for _, file := range files {
		text, err := corpus.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		out[strings.TrimSuffix(strings.TrimPrefix(file, "corpus/"), ".md")] = string(text)
	}
	return out
}

// modelAnswers: of every answer all planted words stand in the chat, in order, each
// once. The platform behind the suite is strict about lengths and markup.
func modelAnswers(t *testing.T, b *bench) {
	for name, text := range Corpus(t) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, b.harness)
			r := reply(b.Chat(0), text)
			r.Parts = []core.Part{core.Text{Text: text, Format: core.Markdown}}
			b.all(t, r)
			shown := planted.FindAllString(strings.Join(b.Shown(b.Chat(0).Chat), "\n"), -1)
			if want := planted.FindAllString(text, -1); !slices.Equal(shown, want) {
				t.Errorf("the chat shows %v, want %v", shown, want)
			}
		})
	}
}
