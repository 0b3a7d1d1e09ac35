package document

import (
	"strings"

	"github.com/parley-hub/parley/core"
)

// MentionGap stands behind a mention; what comes after it goes on in its line.
const MentionGap = "\u00a0"

// Words reads a text as its format says.
func Words(t core.Text) []Run {
	if t.Format == core.Markdown {
		return Parse(t.Text)
	}
	return Append(nil, Run{Text: t.Text})
}

// Join adds more as a paragraph of its own, or goes on in the line of a mention.
func Join(runs, more []Run) []Run {
	last := len(runs) - 1
	switch {
	case len(more) == 0:
		return runs
	case last < 0:
		return Append(nil, more...)
	case strings.HasSuffix(runs[last].Text, MentionGap) && !runs[last].Style.Has(Pre):
		return Append(runs, more...)
	default:
		return Append(Append(runs, Run{Text: "\n\n"}), more...)
	}
}
