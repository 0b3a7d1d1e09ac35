package adaptertest

import (
	"embed"
	"flag"
	"io/fs"
	"maps"
	"math/rand/v2"
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

var corpusSeed = flag.Uint64("seed", 1, "of the texts mixed from the corpus; 0 draws one")

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

// CorpusProperties hands to check every answer of the corpus, and texts mixed from
// them. check tells whether what a platform would be sent for one is as it must be,
// and reports what is not; the text and the seed are reported here.
func CorpusProperties(t *testing.T, check func(t *testing.T, markdown string) bool) {
	t.Helper()
	corpus := Corpus(t)
	for name, markdown := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, markdown)
		})
	}
	t.Run("mixed", func(t *testing.T) {
		t.Parallel()
		seed := *corpusSeed
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, seed))
		for range 300 {
			if markdown := mixed(rng, corpus); !check(t, markdown) {
				t.Fatalf("the answer was %q", markdown)
			}
		}
	})
}

// mixed is a text of pieces of the corpus, between signs that may open what nobody
// closes. Some pieces are cut inside a letter.
func mixed(rng *rand.Rand, corpus map[string]string) string {
	names := slices.Sorted(maps.Keys(corpus))
	ends := []string{"\n\n", "\n", " "}
	glue := append(ends, "", "\n> ", "\n- ", "\n```\n", "**", "_", "~~", "`", "|", "](")
	var b strings.Builder
	for range 1 + rng.IntN(1<<rng.IntN(8)) {
		parts := strings.Split(corpus[names[rng.IntN(len(names))]], ends[rng.IntN(len(ends))])
		part := parts[rng.IntN(len(parts))]
		if rng.IntN(4) == 0 {
			part = part[:rng.IntN(len(part)+1)]
		}
		b.WriteString(part + glue[rng.IntN(len(glue))])
	}
	return b.String()
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
