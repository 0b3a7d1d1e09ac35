package discord

import (
	"encoding/json"
	"strings"
	"testing"
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
				messages = append(messages, strings.Split(m.payload().Content, "\n"))
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

// checkAnswer tells whether an answer is shown as it must be: every letter of it, in
// messages that Discord takes, with every fence closed.
func checkAnswer(t *testing.T, markdown string) bool {
	t.Helper()
	ok := true
	var planned strings.Builder
	for i, m := range answerPlan(t, markdown) {
		shown, text := m.payload().Content, document.Text(m.runs)
		size, fences := utf8.RuneCountInString(shown), strings.Count(shown, "```")
		if size > maxText || fences%2 != 0 || !utf8.ValidString(shown) || !holds(letters(shown), letters(text)) {
			t.Errorf("message %d: %d letters, %d fences, valid %t: %q", i, size, fences, utf8.ValidString(shown), shown)
			ok = false
		}
		planned.WriteString(text)
	}
	if got, want := letters(planned.String()), letters(document.Text(prepare(document.Parse(markdown)))); got != want {
		t.Errorf("plans %q, want %q", got, want)
		ok = false
	}
	return ok
}
