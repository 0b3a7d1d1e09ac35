package playground

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/internal/console"
)

// dialect is a language of marks as Slack and WhatsApp have it: one sign on either side
// of what is marked, within one line; fences across lines; quotations line by line.
type dialect struct {
	// quote is what a line of a quotation begins with.
	quote string
	// plain makes of the text between marks what is shown.
	plain func(string) string
	// reference reads what stands in angle brackets; nil where they mean nothing.
	reference func(inside string) console.Run
}

const (
	fence = "```"
	// noWidth is what adapters put where a mark must not touch a letter.
	noWidth = "\u200b"
)

// runs reads a text.
func (d dialect) runs(text string) []console.Run {
	var out []console.Run
	for {
		before, rest, open := strings.Cut(text, fence)
		code, after, shut := strings.Cut(rest, fence)
		if !open || !shut {
			return d.lines(out, text)
		}
		out = d.lines(out, before)
		code = strings.TrimSuffix(strings.TrimPrefix(code, "\n"), "\n")
		out = append(out, console.Run{Text: bare(d.plain(code)), Style: console.Style{Pre: true}})
		text = after
	}
}

// bare takes out the signs without width: they are no part of what was said.
func bare(s string) string { return strings.ReplaceAll(s, noWidth, "") }

// lines reads text outside of fences.
func (d dialect) lines(out []console.Run, text string) []console.Run {
	if text == "" {
		return out
	}
	quoted := false
	for i, line := range strings.Split(text, "\n") {
		rest, quote := strings.CutPrefix(line, d.quote)
		if quote {
			line = strings.TrimPrefix(rest, " ")
		}
		style := console.Style{Quote: quote}
		if i > 0 {
			out = add(out, "\n", console.Style{Quote: quote && quoted})
		}
		quoted = quote
		out = d.inline(out, line, style, 0, maxNest)
	}
	return out
}

// maxNest bounds how deep marks stand in marks: nobody writes deeper, and reading takes
// no longer for who tries.
const maxNest = 6

// inline reads a part of a line whose marks so far make style. before is the sign in
// front of it, 0 for none; nest is how many marks deep it may go.
func (d dialect) inline(out []console.Run, line string, style console.Style, before rune, nest int) []console.Run {
	from := 0
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		inner, length, with, ok := d.span(line[i:], r, style, before)
		if !ok || nest == 0 {
			i += size
			before = r
			continue
		}
		out = add(out, bare(d.plain(line[from:i])), style)
		switch r {
		case '<':
			run := d.reference(inner)
			run.Style = merge(run.Style, with)
			out = append(out, run)
		case '`':
			out = add(out, bare(d.plain(inner)), with)
		default:
			out = d.inline(out, inner, with, r, nest-1)
		}
		i += length
		from, before = i, r
	}
	return add(out, bare(d.plain(line[from:])), style)
}

// span looks for a marked stretch at the beginning of a text: what is inside, how long
// it is with its marks, and its style.
func (d dialect) span(text string, sign rune, style console.Style, before rune) (inner string, length int, with console.Style, ok bool) {
	with = style
	switch sign {
	case '<':
		if d.reference == nil {
			return "", 0, with, false
		}
		end := strings.IndexByte(text, '>')
		if end < 2 {
			return "", 0, with, false
		}
		if strings.ContainsAny(text[1:end], " `") && !strings.Contains(text[1:end], "|") {
			return "", 0, with, false // a sign that compares, not a reference
		}
		return text[1:end], end + 1, with, true
	case '`':
		end := strings.IndexByte(text[1:], '`')
		if end < 1 {
			return "", 0, with, false
		}
		with.Code = true
		return text[1 : 1+end], end + 2, with, true
	case '*':
		with.Bold = true
	case '_':
		with.Italic = true
	case '~':
		with.Strike = true
	default:
		return "", 0, with, false
	}
	if !edge(before) {
		return "", 0, with, false
	}
	end := closing(text[1:], sign)
	if end < 0 {
		return "", 0, with, false
	}
	return text[1 : 1+end], end + 2, with, true
}

// closing finds the sign that ends a stretch: behind no space, in front of no letter.
func closing(text string, sign rune) int {
	first, _ := utf8.DecodeRuneInString(text)
	if text == "" || unicode.IsSpace(first) || first == sign {
		return -1
	}
	last := first
	for i, r := range text {
		if r == sign && i > 0 && !unicode.IsSpace(last) {
			after, size := utf8.DecodeRuneInString(text[i+1:])
			if size == 0 || edge(after) {
				return i
			}
		}
		last = r
	}
	return -1
}

// edge tells whether a mark may stand beside r; 0 is the end of the text.
func edge(r rune) bool { return r == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// add puts text behind the runs; what looks the same is one run.
func add(out []console.Run, text string, style console.Style) []console.Run {
	if text == "" {
		return out
	}
	if n := len(out); n > 0 && out[n-1].Link == "" && out[n-1].Style == style && !style.Pre {
		out[n-1].Text += text
		return out
	}
	return append(out, console.Run{Text: text, Style: style})
}

// merge is one style on another.
func merge(a, b console.Style) console.Style {
	b.Mention = b.Mention || a.Mention
	b.Code = b.Code || a.Code
	return b
}

// linked makes links of the addresses in plain text, as phones do.
func linked(runs []console.Run) []console.Run {
	var out []console.Run
	for _, r := range runs {
		if r.Link != "" || r.Code || r.Pre {
			out = append(out, r)
			continue
		}
		last := 0
		for _, at := range addresses.FindAllStringIndex(r.Text, -1) {
			end := at[0] + len(strings.TrimRight(r.Text[at[0]:at[1]], ".,;:!?)*_~"))
			if at[0] > last {
				out = append(out, console.Run{Text: r.Text[last:at[0]], Style: r.Style})
			}
			out = append(out, console.Run{Text: r.Text[at[0]:end], Style: r.Style, Link: r.Text[at[0]:end]})
			last = end
		}
		if last < len(r.Text) {
			out = append(out, console.Run{Text: r.Text[last:], Style: r.Style})
		}
	}
	return out
}
