package slack

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/parley-hub/parley/adapters/document"
)

const (
	// maxText is the longest text of a message, in UTF-16 units with its markup. Slack
	// takes 40,000 and says that more than 4,000 reads badly
	// (https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
	maxText = 3900
	// maxSection is the longest text of a section block, which is 3,000 signs.
	maxSection = 2900
	// leastPiece ends the halving of a text that is nothing but markup.
	leastPiece = 16
	// gap is a space of no width. It lets markup begin and end inside a word, where
	// mrkdwn has none, and breaks a fence that is meant as letters.
	gap = "\u200b"
)

// units measures a text.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// pieces cuts a document into what messages with limit units can hold each.
func pieces(runs []document.Run, limit int) [][]document.Run { return cut(runs, limit, limit) }

func cut(runs []document.Run, size, limit int) [][]document.Run {
	var out [][]document.Run
	for _, piece := range document.Split(runs, size, units) {
		if length := units(render(piece)); length > limit && size > leastPiece {
			// Markup takes room: aim for what the text alone may have.
			text := units(document.Text(piece))
			smaller := max(min(text*limit/length, text-1, size-1), leastPiece)
			out = append(out, cut(piece, smaller, limit)...)
			continue
		}
		out = append(out, piece)
	}
	return out
}

// prepare spells out the links that Slack would not make.
func prepare(runs []document.Run) []document.Run { return document.SpellLinks(runs, linkable) }

// mentionOf marks runs that name somebody. Nothing that was parsed holds a NUL.
const mentionOf = "\x00user:"

func linkable(address string) bool {
	if strings.HasPrefix(address, mentionOf) {
		return true
	}
	u, err := url.Parse(address)
	if err != nil || strings.ContainsFunc(address, unicode.IsControl) {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return u.Opaque != ""
	default:
		return false
	}
}

// marks are the signs around a styled stretch, outermost first.
var marks = []struct {
	style document.Style
	sign  string
}{{document.Bold, "*"}, {document.Italic, "_"}, {document.Strike, "~"}}

// render writes runs as mrkdwn (https://docs.slack.dev/messaging/formatting-message-text).
// Marks stand close to words on one line, or Slack shows them as letters.
func render(runs []document.Run) string {
	w := writer{atStart: true}
	runs = quotesOnLines(runs)
	for i := 0; i < len(runs); {
		r := runs[i]
		if r.Style.Has(document.Pre) {
			w.block(r.Text)
			i++
			continue
		}
		if r.Link == "" {
			w.lines(r)
			i++
			continue
		}
		end := i + 1
		for end < len(runs) && runs[end].Link == r.Link && !runs[end].Style.Has(document.Pre) {
			end++
		}
		w.link(runs[i:end])
		i = end
	}
	w.close(nil)
	return w.b.String()
}

// quotesOnLines puts quotations on lines of their own. In a list one stands behind the
// mark of its item, or behind spaces, where its sign would be a letter.
func quotesOnLines(runs []document.Run) []document.Run {
	runs = slices.Clone(runs)
	for i := 1; i < len(runs); i++ {
		before := &runs[i-1]
		if !runs[i].Style.Has(document.Quote) || before.Style.Has(document.Quote) || before.Style.Has(document.Pre) {
			continue
		}
		before.Text = strings.TrimRight(before.Text, " ")
		if !strings.HasSuffix(before.Text, "\n") && (before.Text != "" || i > 1) {
			before.Text += "\n"
		}
	}
	return runs
}

type writer struct {
	b       strings.Builder
	open    []string
	last    rune // the last sign of the text, 0 at the beginning
	closed  bool // marks were closed behind it
	atStart bool // of a line
	fenced  bool // a fence was closed and nothing came behind it
}

// lines writes a run line by line.
func (w *writer) lines(r document.Run) {
	lines := strings.Split(r.Text, "\n")
	for i, line := range lines {
		if i > 0 {
			w.newline()
		}
		between := i > 0 && i < len(lines)-1 && r.Style.Has(document.Quote)
		if line != "" || between { // a bare line would end the quotation
			w.begin(r)
			w.line(line, r)
		}
	}
}

// begin starts a line of a quotation with its sign.
func (w *writer) begin(r document.Run) {
	if w.fenced {
		w.newline()
	}
	if w.atStart && r.Style.Has(document.Quote) {
		w.b.WriteString("> ")
	}
	w.atStart = false
}

func (w *writer) newline() {
	w.close(nil)
	w.b.WriteByte('\n')
	w.last, w.closed, w.atStart, w.fenced = '\n', false, true, false
}

// line writes text on one line: the spaces around it outside of its marks.
func (w *writer) line(text string, r document.Run) {
	if text == "" {
		return
	}
	signs := signsOf(r)
	core := strings.TrimFunc(text, unicode.IsSpace)
	if core == "" || len(signs) == 0 {
		w.close(nil)
		w.text(escape(text), text)
		return
	}
	head, tail, _ := strings.Cut(text, core)
	if head != "" {
		w.close(nil)
		w.text(head, head)
	}
	w.mark(signs)
	w.text(escape(core), core)
	if tail != "" {
		w.close(nil)
		w.text(tail, tail)
	}
}

// signsOf are the marks of a run. Code has no other marks in it, and a back quote
// would end it.
func signsOf(r document.Run) []string {
	if r.Style.Has(document.Code) {
		if strings.Contains(r.Text, "`") {
			return nil
		}
		return []string{"`"}
	}
	var signs []string
	for _, m := range marks {
		if r.Style.Has(m.style) {
			signs = append(signs, m.sign)
		}
	}
	return signs
}

// mark closes and opens what leads to these marks.
func (w *writer) mark(want []string) {
	common := 0
	for common < len(w.open) && common < len(want) && w.open[common] == want[common] {
		common++
	}
	w.close(want[:common])
	if len(want) > len(w.open) {
		if wordy(w.last) || w.closed || w.last == '`' {
			w.b.WriteString(gap)
		}
		w.closed = false
		for _, sign := range want[len(w.open):] {
			w.b.WriteString(sign)
		}
		w.open = slices.Clone(want)
	}
}

// close closes the marks behind the first few.
func (w *writer) close(keep []string) {
	for len(w.open) > len(keep) {
		last := len(w.open) - 1
		w.b.WriteString(w.open[last])
		w.open = w.open[:last]
		w.closed = true
	}
}

// text writes what is shown; plain is what it says.
func (w *writer) text(shown, plain string) {
	if plain == "" {
		return
	}
	first := []rune(plain)[0]
	if w.closed && (wordy(first) || first == '`') || first == '`' && w.last == '`' {
		w.b.WriteString(gap) // signs of two runs make no fence
	}
	w.b.WriteString(shown)
	runes := []rune(plain)
	w.last, w.closed = runes[len(runes)-1], false
}

// block writes a fenced block of its own lines. Slack has no colours for languages.
func (w *writer) block(text string) {
	w.close(nil)
	if !w.atStart || w.fenced {
		w.newline()
	}
	w.b.WriteString("```\n" + escape(text) + "\n```")
	w.last, w.closed, w.atStart, w.fenced = '`', false, false, true
}

// link writes the runs that lead to one address. Its words stand on one line.
func (w *writer) link(runs []document.Run) {
	address := runs[0].Link
	text := strings.Join(strings.Fields(document.Text(runs)), " ")
	style := document.Run{Text: text, Style: runs[0].Style &^ document.Code}
	for _, r := range runs {
		style.Style &= r.Style // marks of the whole stretch only
	}
	raw := document.Text(runs)
	if lead := raw[:len(raw)-len(strings.TrimLeftFunc(raw, unicode.IsSpace))]; lead != "" {
		w.lines(document.Run{Text: lead, Style: runs[0].Style & document.Quote})
	}
	w.begin(runs[0])
	if text != "" {
		if id, ok := strings.CutPrefix(address, mentionOf); ok {
			w.close(nil)
			w.text("<@"+id+">", "<>")
		} else {
			w.mark(signsOf(style))
			w.text("<"+addressOf(address)+"|"+escape(text)+">", "<>")
		}
	}
	w.close(nil)
	if tail := raw[len(strings.TrimRightFunc(raw, unicode.IsSpace)):]; tail != "" && text != "" {
		w.lines(document.Run{Text: tail, Style: runs[0].Style & document.Quote})
	}
}

var addressEscaper = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C", " ", "%20", "`", "%60")

func addressOf(address string) string {
	return addressEscaper.Replace(strings.ToValidUTF8(address, "\ufffd"))
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\x00", "\ufffd")

// escape makes text of anything: nothing in it names people, opens a link or ends a
// fence.
func escape(s string) string {
	s = escaper.Replace(strings.ToValidUTF8(s, "\ufffd"))
	for strings.Contains(s, "```") {
		s = strings.ReplaceAll(s, "```", "``"+gap+"`")
	}
	return s
}
