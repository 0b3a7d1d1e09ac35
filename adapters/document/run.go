package document

import "strings"

// Style is a set of ways to show text.
type Style uint16

// The styles. They combine with |.
const (
	Bold Style = 1 << iota
	Italic
	Underline
	Strike
	Spoiler
	// Code is code inside a line.
	Code
	// Pre is a block of its own with fixed width and its line ends kept.
	Pre
	// Quote is a block quotation.
	Quote
)

// Has tells whether all of other is in s.
func (s Style) Has(other Style) bool { return s&other == other }

// Run is text of one style.
type Run struct {
	Text  string
	Style Style
	// Lang is the language of a Pre run, "" when unknown.
	Lang string
	// Link is where the run leads, "" for nowhere. It is as it was written: a
	// platform decides which addresses it can link.
	Link string
}

// sameLook tells whether two runs differ in nothing but their text.
func (r Run) sameLook(o Run) bool { return r.Style == o.Style && r.Lang == o.Lang && r.Link == o.Link }

// Append adds runs to a document, joining neighbours that look the same and
// dropping empty ones.
func Append(runs []Run, more ...Run) []Run {
	for i := 0; i < len(more); {
		r := more[i]
		var text strings.Builder
		for ; i < len(more) && (more[i].Text == "" || more[i].sameLook(r)); i++ {
			text.WriteString(more[i].Text)
		}
		r.Text = text.String()
		switch last := len(runs) - 1; {
		case r.Text == "":
		case last >= 0 && runs[last].sameLook(r):
			runs[last].Text += r.Text
		default:
			runs = append(runs, r)
		}
	}
	return runs
}

// Text is the text of the runs and nothing else.
func Text(runs []Run) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.Text)
	}
	return b.String()
}

// Plain is the document for a place that shows letters only: text, with the address
// of a link behind it unless the text already is the address.
func Plain(runs []Run) string { return Text(SpellLinks(runs, func(string) bool { return false })) }

// SpellLinks writes out the address behind each link that linkable refuses, and
// makes ordinary text of the link. The others stay links.
func SpellLinks(runs []Run, linkable func(address string) bool) []Run {
	var out []Run
	for i := 0; i < len(runs); {
		r := runs[i]
		if r.Link == "" || linkable(r.Link) {
			out = append(out, r)
			i++
			continue
		}
		var text strings.Builder
		for ; i < len(runs) && runs[i].Link == r.Link; i++ {
			part := runs[i]
			part.Link = ""
			text.WriteString(part.Text)
			out = append(out, part)
		}
		if !spells(text.String(), r.Link) {
			out = append(out, Run{Text: " (" + r.Link + ")", Style: r.Style &^ (Code | Pre)})
		}
	}
	return Append(nil, out...)
}

// spells tells whether the text of a link already says its address.
func spells(text, address string) bool {
	text = strings.TrimSpace(text)
	return text == address || "mailto:"+text == address || "http://"+text == address || "https://"+text == address
}
