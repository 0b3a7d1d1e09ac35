package whatsapp

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters/document"
)

const (
	// maxText is the longest text of a message, maxBody the longest beside buttons and
	// maxCaption under a file. The platform counts characters; UTF-16 units are never fewer.
	maxText    = 4096
	maxBody    = 1024
	maxCaption = 1024
	// defuser parts a sign from what it would mark. It takes no room on a screen.
	defuser = "\u200b"
	// fence begins and ends a block of code.
	fence = "```"
)

// units measures a text as it is counted here.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// prepare makes of a document what can be shown: addresses are spelled out, because
// the platform has no links behind words.
func prepare(runs []document.Run) []document.Run {
	out := document.SpellLinks(runs, func(string) bool { return false })
	for i := range out {
		out[i].Text = strings.ReplaceAll(strings.ToValidUTF8(out[i].Text, "\ufffd"), "\x00", "\ufffd")
	}
	return out
}

// pieces cuts a document into texts that each fit into limit, markup included.
func pieces(runs []document.Run, limit int) []string {
	shown := document.SplitShown(runs, limit, units, func(piece []document.Run) int { return units(render(piece)) }, limit)
	out := make([]string, len(shown))
	for i, piece := range shown {
		out[i] = render(piece)
	}
	return out
}

// marks are the signs around text of a style, outermost first
// (https://faq.whatsapp.com/539178204879377). There is no way to escape them, they
// hold within one line only, and stand at the edge of a word.
var marks = []struct {
	style document.Style
	sign  string
}{{document.Bold, "*"}, {document.Italic, "_"}, {document.Strike, "~"}}

// render writes runs with the platform's marks. Styles that cannot be marked where
// they stand are left out; words never are.
func render(runs []document.Run) string {
	w := writer{lineStart: true}
	for i, r := range runs {
		next := rune(0)
		if i+1 < len(runs) {
			next, _ = utf8.DecodeRuneInString(runs[i+1].Text)
		}
		if quote := r.Style.Has(document.Quote); quote && !w.lineStart && !runs[i-1].Style.Has(document.Quote) {
			w.add("\n") // behind a name, say; the sign of a quotation begins a line
		}
		if r.Style.Has(document.Pre) {
			w.block(r.Text)
			continue
		}
		w.run(r, next)
	}
	return w.text.String()
}

// writer writes rendered text and knows where it stands.
type writer struct {
	text      strings.Builder
	lineStart bool
	last      rune
}

func (w *writer) add(s string) {
	if s == "" {
		return
	}
	w.text.WriteString(s)
	w.last, _ = utf8.DecodeLastRuneInString(s)
	w.lineStart = w.last == '\n'
}

// block writes code of its own lines.
func (w *writer) block(code string) { w.add(fence + parted(code) + fence) }

// parted keeps the fences in a text from being read: they hold across lines, so one
// would end a block or take what follows for code.
func parted(s string) string {
	for strings.Contains(s, fence) {
		s = strings.ReplaceAll(s, fence, "``"+defuser+"`")
	}
	return s
}

// run writes one run line by line. next is the first sign behind it, 0 for none.
func (w *writer) run(r document.Run, next rune) {
	for i, line := range strings.Split(parted(r.Text), "\n") {
		if i > 0 {
			w.add("\n")
		}
		if line == "" {
			continue
		}
		if w.lineStart && r.Style.Has(document.Quote) && strings.TrimSpace(line) != "" {
			w.add("> ")
		}
		after := next
		if i < strings.Count(r.Text, "\n") {
			after = '\n'
		}
		w.marked(line, r.Style, after)
	}
}

// marked writes a part of a line in its style. Marks do not stand beside white space
// inside, and show as signs when a letter or another mark stands beside them outside.
func (w *writer) marked(line string, style document.Style, after rune) {
	inner := strings.TrimFunc(line, unicode.IsSpace)
	head, tail, _ := strings.Cut(line, inner)
	if inner == "" {
		w.add(line)
		return
	}
	w.add(head)
	if tail != "" {
		after = ' '
	}
	open, shut := signs(style)
	switch {
	case open == "" || !edge(w.last) || !edge(after):
		w.add(defuse(inner, w.last))
	case style.Has(document.Code) && strings.Contains(inner, "`"):
		w.add(inner)
	case style.Has(document.Code):
		w.add(open + inner + shut)
	case strings.ContainsAny(inner, open):
		w.add(defuse(inner, w.last))
	default:
		w.add(open + inner + shut)
	}
	w.add(tail)
}

func signs(style document.Style) (open, shut string) {
	if style.Has(document.Code) {
		return "`", "`"
	}
	for _, m := range marks {
		if style.Has(m.style) {
			open, shut = open+m.sign, m.sign+shut
		}
	}
	return open, shut
}

// edge tells whether a mark beside r is read as one; 0 is the end of the text.
func edge(r rune) bool {
	if r == 0 || unicode.IsSpace(r) {
		return true
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("*_~`", r)
}

// defuse parts those signs of plain words from what follows them that would be read
// as a pair of marks. Addresses are left as they are.
func defuse(line string, before rune) string {
	if !strings.ContainsAny(line, "*_~`") {
		return line
	}
	var b strings.Builder
	for i, r := range line {
		b.WriteRune(r)
		if strings.ContainsRune("*_~`", r) && edge(before) && closes(line[i+1:], r) && !inAddress(line, i) {
			b.WriteString(defuser)
		}
		before = r
	}
	return b.String()
}

// closes tells whether a sign whose line goes on with rest has a partner in it.
func closes(rest string, sign rune) bool {
	first, _ := utf8.DecodeRuneInString(rest)
	if rest == "" || unicode.IsSpace(first) {
		return false
	}
	before := first
	for i, r := range rest {
		if r == sign && i > 0 && !unicode.IsSpace(before) {
			after, size := utf8.DecodeRuneInString(rest[i+1:])
			if size == 0 || edge(after) {
				return true
			}
		}
		before = r
	}
	return false
}

// inAddress tells whether the word around i is an address.
func inAddress(line string, i int) bool {
	from := strings.LastIndexFunc(line[:i], unicode.IsSpace) + 1
	to := len(line)
	if n := strings.IndexFunc(line[i:], unicode.IsSpace); n >= 0 {
		to = i + n
	}
	return strings.Contains(line[from:to], "://")
}
