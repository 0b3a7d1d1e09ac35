package whatsapp

import (
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
	planned, err := plan(core.Reply{Parts: []core.Part{core.Text{Text: markdown, Format: core.Markdown}}, Final: true}, cloudDialect)
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
				messages = append(messages, strings.Split(m.text, "\n"))
			}
			adaptertest.Golden(t, "testdata/corpus/"+name+".golden", messages)
		})
	}
}

func TestCorpusProperties(t *testing.T) {
	t.Parallel()
	adaptertest.CorpusProperties(t, checkAnswer)
}

// checkAnswer tells whether an answer is shown as it must be: every letter of it, in
// messages that the platform takes, with every fence closed.
func checkAnswer(t *testing.T, markdown string) bool {
	t.Helper()
	ok := true
	var said strings.Builder
	for i, m := range answerPlan(t, markdown) {
		body := m.text
		if units(body) > maxText || strings.Count(body, fence)%2 != 0 || !utf8.ValidString(body) {
			t.Errorf("message %d: %d units, %d fences, valid %t", i, units(body), strings.Count(body, fence), utf8.ValidString(body))
			ok = false
		}
		said.WriteString(body)
	}
	if got, want := letters(said.String()), letters(document.Text(prepare(document.Parse(markdown)))); got != want {
		t.Errorf("says %q, want %q", got, want)
		ok = false
	}
	return ok
}
