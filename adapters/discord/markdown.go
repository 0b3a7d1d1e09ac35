package discord

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters/document"
)

const (
	// maxText is the longest content of a message, in code points, markup included.
	maxText = 2000
	// maxAddress is the longest address that is linked; longer ones are spelled out.
	maxAddress = 512
	// apart stands between two marks that Discord would read as one, and shows nothing.
	apart = "\u200b"
)

// person is what the link of a run begins with that names somebody. No Markdown
// can hold it: its reader takes out NUL.
const person = "\x00person:"

// always are the letters that mean something anywhere in a line.
const always = "\\*_~`|[]<"

// length measures a text as Discord counts the markup it becomes.
func length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if strings.ContainsRune(always, r) {
			n++
		}
	}
	return n
}

// prepare makes of a document what can be shown: addresses that cannot be linked
// are spelled out.
func prepare(runs []document.Run) []document.Run {
	return document.SpellLinks(runs, func(address string) bool {
		_, ok := target(address)
		return ok || strings.HasPrefix(address, person)
	})
}

// pieces cuts a document into what one message each can hold.
func pieces(runs []document.Run, limit int) [][]document.Run {
	return document.SplitShown(runs, limit, length, func(piece []document.Run) int {
		return utf8.RuneCountInString(render(piece))
	}, maxText)
}

// marks are the styles that need nothing but their mark on both sides, outermost first
// (https://docs.discord.com/developers/reference#message-formatting).
var marks = []struct {
	style document.Style
	mark  string
}{
	{document.Bold, "**"},
	{document.Italic, "*"},
	{document.Underline, "__"},
	{document.Strike, "~~"},
	{document.Spoiler, "||"},
}

// mark is one open mark.
type mark struct{ open, close string }

// renderer writes runs as Discord's Markdown.
type renderer struct {
	b    strings.Builder
	open []mark
	// space is white space not yet written: marks close before it and open behind it.
	space []document.Run
	// begin is true while nothing but white space stands in the line, quoted tells
	// whether the line was begun as a quotation, empty that nothing stands in it.
	begin, quoted, empty bool
	// fenced is true right behind a code block, closed is the sign the output ends
	// with when a mark was closed last.
	fenced bool
	closed byte
}

// render writes runs as Discord's Markdown.
func render(runs []document.Run) string {
	w := &renderer{begin: true, empty: true}
	for _, r := range runs {
		r.Text = clean(r.Text)
		switch {
		case r.Style.Has(document.Pre) && strings.TrimSpace(r.Text) != "":
			w.fence(r)
		case r.Style.Has(document.Code) && strings.TrimSpace(r.Text) != "":
			w.span(r, "", codeSpan(r.Text), "")
		default:
			core := strings.TrimSpace(r.Text)
			if core == "" {
				w.hold(r, r.Text)
				continue
			}
			at := strings.Index(r.Text, core)
			w.span(r, r.Text[:at], "", r.Text[at+len(core):])
		}
	}
	w.shut(0)
	w.flush()
	return w.b.String()
}

// clean drops what no message can hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// hold keeps white space back until it is known which marks close before it.
func (w *renderer) hold(r document.Run, text string) {
	if text != "" {
		w.space = append(w.space, document.Run{Text: text, Style: r.Style & document.Quote})
	}
}

// span writes the words of a run in its marks: raw as it is, or its trimmed text
// escaped.
func (w *renderer) span(r document.Run, before, raw, after string) {
	w.hold(r, before)
	text := strings.TrimSpace(r.Text)
	quote := r.Style.Has(document.Quote)
	if id, ok := strings.CutPrefix(r.Link, person); ok {
		r.Link, r.Style, raw = "", r.Style&document.Quote, "<@"+id+">"
	}
	address, linked := target(r.Link)
	if linked && raw == "" && (text == r.Link || text == address) && bare(text) {
		linked, raw = false, text
	}
	want := marksOf(r, address, linked)
	common := 0
	for common < len(w.open) && common < len(want) && w.open[common] == want[common] {
		common++
	}
	w.shut(common)
	w.flush()
	w.line(quote)
	for _, m := range want[common:] {
		if w.closed == m.open[0] {
			w.b.WriteString(apart)
		}
		w.b.WriteString(m.open)
		w.open, w.closed = append(w.open, m), 0
	}
	if raw != "" {
		w.put(raw)
	} else {
		w.words(text, quote, linked)
	}
	w.hold(r, after)
}

// marksOf is the nest of marks around a run, outermost first.
func marksOf(r document.Run, address string, linked bool) []mark {
	var want []mark
	if linked {
		want = append(want, mark{"[", "](" + address + ")"})
	}
	for _, m := range marks {
		if r.Style.Has(m.style) {
			want = append(want, mark{m.mark, m.mark})
		}
	}
	return want
}

// shut closes marks until n are open.
func (w *renderer) shut(n int) {
	for _, m := range slices.Backward(w.open[n:]) {
		w.b.WriteString(m.close)
		w.closed = m.close[len(m.close)-1]
	}
	w.open = w.open[:n]
}

// flush writes the white space that was held back.
func (w *renderer) flush() {
	for _, s := range w.space {
		for _, r := range s.Text {
			if r == '\n' {
				w.newline(s.Style.Has(document.Quote))
				continue
			}
			w.line(s.Style.Has(document.Quote))
			w.b.WriteRune(r)
			w.closed = 0
		}
	}
	w.space = nil
}

// newline ends a line; an empty one of a quotation carries its sign.
func (w *renderer) newline(quote bool) {
	if w.empty && quote {
		w.line(true)
	}
	w.b.WriteByte('\n')
	w.begin, w.empty, w.fenced, w.closed = true, true, false, 0
}

// line sees to it that what follows stands in a line of its kind.
func (w *renderer) line(quote bool) {
	if !w.empty && (w.fenced || w.quoted != quote) {
		w.newline(false)
	}
	if w.empty {
		w.quoted, w.empty = quote, false
		if quote {
			w.b.WriteString("> ")
		}
	}
}

// put writes what needs no escaping.
func (w *renderer) put(raw string) {
	w.b.WriteString(raw)
	w.begin, w.closed = false, 0
}

// addresses are what Discord makes links of by itself; it reads no mark inside.
var addresses = regexp.MustCompile(`https?://[^\s<]+`)

// bare tells whether an address may stand in the text as it is.
func bare(address string) bool {
	return addresses.FindString(address) == address && !strings.ContainsAny(address, "*`\\|[]~") && !strings.Contains(address, "__")
}

// words writes text so that every letter is shown.
func (w *renderer) words(text string, quote, linked bool) {
	last := 0
	if !linked {
		for _, at := range addresses.FindAllStringIndex(text, -1) {
			if bare(text[at[0]:at[1]]) {
				w.escape(text[last:at[0]], quote)
				w.line(quote)
				w.put(text[at[0]:at[1]])
				last = at[1]
			}
		}
	}
	w.escape(text[last:], quote)
}

func (w *renderer) escape(text string, quote bool) {
	for _, r := range text {
		if r == '\n' {
			w.newline(quote)
			continue
		}
		w.line(quote)
		if strings.ContainsRune(always, r) || w.begin && strings.ContainsRune("#->+", r) {
			w.b.WriteByte('\\')
		}
		w.b.WriteRune(r)
		w.closed = 0
		w.begin = w.begin && unicode.IsSpace(r)
	}
}

var languageShape = regexp.MustCompile(`^[A-Za-z0-9_+.#-]{1,20}$`)

// fence writes a code block on lines of its own. Nothing can be escaped in there,
// so three backticks are parted.
func (w *renderer) fence(r document.Run) {
	quote := r.Style.Has(document.Quote)
	w.shut(0)
	w.flush()
	if !w.empty {
		w.newline(false)
	}
	w.line(quote)
	w.b.WriteString("```")
	if languageShape.MatchString(r.Lang) {
		w.b.WriteString(r.Lang)
	}
	body := parted(strings.Trim(r.Text, "\n"))
	for line := range strings.SplitSeq(body, "\n") {
		w.newline(quote)
		w.line(quote)
		w.b.WriteString(line)
	}
	w.newline(quote)
	w.line(quote)
	w.b.WriteString("```")
	w.fenced, w.begin, w.closed = true, false, 0
}

// parted keeps backticks of code from being read as a fence.
func parted(code string) string { return strings.ReplaceAll(code, "``", "`"+apart+"`"+apart) }

// codeSpan puts code between one backtick or two: three would begin a block.
func codeSpan(text string) string {
	text = parted(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), " "))
	ticks := "`"
	if strings.Contains(text, "`") {
		ticks = "``"
	}
	if strings.HasPrefix(text, "`") {
		text = " " + text
	}
	if strings.HasSuffix(text, "`") {
		text += " "
	}
	return ticks + text + ticks
}

var addressEscaper = strings.NewReplacer("(", "%28", ")", "%29", "*", "%2A", "`", "%60", "|", "%7C", "\\", "%5C", "[", "%5B",
	"]", "%5D", "<", "%3C", ">", "%3E", " ", "%20", "~", "%7E", "\"", "%22", "__", "%5F%5F")

// target is the address as a link can hold it; false for one that Discord makes no
// link of.
func target(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
	default:
		return "", false
	}
	escaped := addressEscaper.Replace(u.String())
	return escaped, utf8.RuneCountInString(escaped) <= maxAddress && !strings.ContainsFunc(escaped, unicode.IsSpace)
}
