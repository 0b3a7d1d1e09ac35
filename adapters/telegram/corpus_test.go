package telegram

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

// answerPlan is the plan of an answer as a model writes it.
func answerPlan(t *testing.T, markdown string) []outgoing {
	t.Helper()
	planned, err := plan(core.Reply{Parts: []core.Part{core.Text{Text: markdown, Format: core.Markdown}}, Final: true})
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

func TestCorpusGolden(t *testing.T) {
	t.Parallel()
	for name, markdown := range adaptertest.Corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var messages [][]string // line by line, to be read
			for _, m := range answerPlan(t, markdown) {
				messages = append(messages, strings.Split(m.params["text"], "\n"))
			}
			data, err := json.Marshal(messages)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.GoldenJSON(t, "testdata/corpus/"+name+".golden", data)
		})
	}
}

func TestCorpusProperties(t *testing.T) {
	t.Parallel()
	adaptertest.CorpusProperties(t, checkAnswer)
}

// checkAnswer tells whether an answer is shown as it must be: every word of it, in
// messages and with entities that the server takes.
func checkAnswer(t *testing.T, markdown string) bool {
	t.Helper()
	ok := true
	var said strings.Builder
	for i, m := range answerPlan(t, markdown) {
		html := m.params["text"]
		text, err := readHTML(html)
		_, entities := render(m.runs)
		if err != nil || units(text) > maxText || entities > maxEntities || !utf8.ValidString(html) {
			t.Errorf("message %d: %d units, %d entities, valid %t, %v", i, units(text), entities, utf8.ValidString(html), err)
			ok = false
		}
		said.WriteString(text)
	}
	if got, want := words(said.String()), words(document.Text(prepare(document.Parse(markdown)))); got != want {
		t.Errorf("says %q, want %q", got, want)
		ok = false
	}
	return ok
}

// words are the signs of a text that no markup is made of.
func words(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r > 0xffff {
			return r
		}
		return -1
	}, s)
}
