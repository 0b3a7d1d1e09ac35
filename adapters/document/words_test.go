package document_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/core"
)

func TestWords(t *testing.T) {
	plain := document.Words(core.Text{Text: "**as it is**"})
	if diff := cmp.Diff([]document.Run{{Text: "**as it is**"}}, plain); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	marked := document.Words(core.Text{Text: "**bold**", Format: core.Markdown})
	if diff := cmp.Diff([]document.Run{{Text: "bold", Style: document.Bold}}, marked); diff != "" {
		t.Errorf("marked (-want +got):\n%s", diff)
	}
	if empty := document.Words(core.Text{}); len(empty) != 0 {
		t.Errorf("nothing is %v", empty)
	}
}

func TestJoin(t *testing.T) {
	words := func(text string) []document.Run { return []document.Run{{Text: text}} }
	code := []document.Run{{Text: "x" + document.MentionGap, Style: document.Pre}}
	for name, test := range map[string]struct {
		runs, more []document.Run
		want       string
	}{
		"first":          {nil, words("a"), "a"},
		"nothing":        {words("a"), nil, "a"},
		"paragraphs":     {words("a"), words("b"), "a\n\nb"},
		"behind mention": {words("@ann" + document.MentionGap), words("b"), "@ann" + document.MentionGap + "b"},
		"behind code":    {code, words("b"), "x" + document.MentionGap + "\n\nb"},
	} {
		if got := document.Text(document.Join(test.runs, test.more)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
