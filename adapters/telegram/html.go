package telegram

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/parley-hub/parley/adapters/document"
)

const (
	// maxText is the longest text of a message, maxCaption of a caption, in UTF-16
	// units counted after the markup is read.
	maxText    = 4096
	maxCaption = 1024
	// maxEntities is how many marked stretches one message shows; more are ignored
	// by the server.
	maxEntities = 100
	// leastPiece ends the halving of a text that is nothing but markup: even with
	// every style on every letter it holds fewer than maxEntities.
	leastPiece = 12
)

// units measures a text as Telegram does.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// prepare makes of a document what the server would not show as it is: it drops
// links it does not know, and makes one space of a tab, which flattens code.
func prepare(runs []document.Run) []document.Run {
	out := document.SpellLinks(runs, linkable)
	for i := range out {
		if out[i].Style.Has(document.Pre) {
			out[i].Text = strings.ReplaceAll(out[i].Text, "\t", "    ")
		}
	}
	return out
}

// pieces cuts a document into what one message each can hold.
func pieces(runs []document.Run, limit int) [][]document.Run {
	var out [][]document.Run
	for _, piece := range document.Split(runs, limit, units) {
		if _, entities := render(piece); entities > maxEntities && limit > leastPiece {
			half := max(units(document.Text(piece))/2, leastPiece)
			out = append(out, pieces(piece, half)...)
			continue
		}
		out = append(out, piece)
	}
	return out
}

// tag is one open tag of Telegram's HTML
// (https://core.telegram.org/bots/api#html-style).
type tag struct{ open, close string }

// plainTags are the styles that need nothing but their tag, outermost first.
var plainTags = []struct {
	style document.Style
	tag   tag
}{
	{document.Bold, tag{"<b>", "</b>"}},
	{document.Italic, tag{"<i>", "</i>"}},
	{document.Underline, tag{"<u>", "</u>"}},
	{document.Strike, tag{"<s>", "</s>"}},
	{document.Spoiler, tag{"<tg-spoiler>", "</tg-spoiler>"}},
}

// tagsOf is the nest of tags around a run, outermost first. The server lets code
// stand in a quotation and in nothing else, and nothing stand in code; a link that
// is code stays a link.
func tagsOf(r document.Run) []tag {
	var tags []tag
	if r.Style.Has(document.Quote) {
		tags = append(tags, tag{"<blockquote>", "</blockquote>"})
	}
	switch {
	case r.Style.Has(document.Pre) && r.Lang != "":
		return append(tags, tag{`<pre><code class="language-` + escape(r.Lang) + `">`, "</code></pre>"})
	case r.Style.Has(document.Pre):
		return append(tags, tag{"<pre>", "</pre>"})
	case r.Style.Has(document.Code) && r.Link == "":
		return append(tags, tag{"<code>", "</code>"})
	case r.Link != "":
		tags = append(tags, tag{`<a href="` + escape(r.Link) + `">`, "</a>"})
	}
	for _, p := range plainTags {
		if r.Style.Has(p.style) {
			tags = append(tags, p.tag)
		}
	}
	return tags
}

// render writes runs as Telegram's HTML, always well nested, and counts the tags:
// each is one entity of the message.
func render(runs []document.Run) (html string, entities int) {
	var b strings.Builder
	var open []tag
	for _, r := range runs {
		want := tagsOf(r)
		common := 0
		for common < len(open) && common < len(want) && open[common] == want[common] {
			common++
		}
		for _, t := range slices.Backward(open[common:]) {
			b.WriteString(t.close)
		}
		for _, t := range want[common:] {
			b.WriteString(t.open)
			entities++
		}
		open = want
		b.WriteString(escape(r.Text))
	}
	for _, t := range slices.Backward(open) {
		b.WriteString(t.close)
	}
	return b.String(), entities
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\x00", "\ufffd")

// escape makes text of anything, in content and in attributes.
func escape(s string) string { return escaper.Replace(strings.ToValidUTF8(s, "\ufffd")) }

// linkable tells which addresses the server makes links of. It drops the others in
// silence, so they are spelled out.
func linkable(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return strings.Contains(u.Hostname(), ".")
	case "tg":
		return u.Host != ""
	default:
		return false
	}
}
