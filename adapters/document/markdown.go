package document

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// rule is how a thematic break is shown.
const rule = "———"

// newParser makes a parser for CommonMark with GitHub's tables, strikethrough,
// autolinks and task lists (https://github.github.com/gfm).
func newParser() parser.Parser {
	return goldmark.New(goldmark.WithExtensions(
		extension.Table, extension.Strikethrough, extension.Linkify, extension.TaskList,
	)).Parser()
}

// Parse reads Markdown. Blocks are separated by blank lines, headings are bold,
// lists carry their marks and indents, a line end inside a paragraph stays one.
// Bytes that are not UTF-8 become U+FFFD.
func Parse(markdown string) []Run {
	source := []byte(strings.ToValidUTF8(markdown, string(utf8.RuneError)))
	root := newParser().Parse(text.NewReader(source))
	w := walker{source: source}
	return w.blocks(root, look{}, "\n\n")
}

// look is what the text around a node gives it.
type look struct {
	style Style
	link  string
}

func (l look) with(s Style) look { l.style |= s; return l }

// run gives text its look.
func (l look) run(text string) Run { return Run{Text: text, Style: l.style, Link: l.link} }

type walker struct{ source []byte }

// blocks shows the blocks under a node with gap between them.
func (w walker) blocks(parent ast.Node, l look, gap string) []Run {
	var out []Run
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		block := Append(nil, w.block(n, l)...)
		if len(block) == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, Run{Text: gap, Style: l.style})
		}
		out = append(out, block...)
	}
	return Append(nil, out...)
}

func (w walker) block(n ast.Node, l look) []Run {
	switch n := n.(type) {
	case *ast.Heading:
		return w.inlines(n, l.with(Bold))
	case *ast.Blockquote:
		return w.blocks(n, l.with(Quote), "\n\n")
	case *ast.List:
		return w.list(n, l)
	case *ast.FencedCodeBlock:
		return w.code(n, l, string(n.Language(w.source)))
	case *ast.CodeBlock:
		return w.code(n, l, "")
	case *ast.HTMLBlock:
		raw := append([]byte(nil), n.Lines().Value(w.source)...)
		if n.HasClosure() {
			raw = append(raw, n.ClosureLine.Value(w.source)...)
		}
		return Append(nil, l.run(strings.TrimRight(string(raw), "\n")))
	case *ast.ThematicBreak:
		return []Run{l.run(rule)}
	case *extast.Table:
		return w.table(n, l)
	default: // paragraphs, text blocks, and blocks of parsers added later
		if n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeBlock {
			return w.blocks(n, l, "\n\n")
		}
		return w.inlines(n, l)
	}
}

// code shows a code block without its last line end. Its language is only a word:
// what follows it in the info string is for tools.
func (w walker) code(n ast.Node, l look, lang string) []Run {
	body := strings.TrimSuffix(string(n.Lines().Value(w.source)), "\n")
	return Append(nil, Run{Text: body, Style: l.style&Quote | Pre, Lang: lang})
}

// list shows items with their marks; what belongs to an item stands under its text.
func (w walker) list(n *ast.List, l look) []Run {
	gap := "\n"
	if !n.IsTight {
		gap = "\n\n"
	}
	var out []Run
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "• "
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + ". "
			number++
		}
		by := strings.Repeat(" ", utf8.RuneCountInString(mark))
		body := indent(w.blocks(item, l, gap), by)
		if len(out) > 0 {
			out = append(out, Run{Text: gap, Style: l.style})
		}
		out = append(out, Run{Text: mark, Style: l.style})
		if len(body) > 0 && body[0].Style.Has(Pre) || quotes(out, body) {
			// A block cannot begin behind a mark.
			out[len(out)-1].Text = strings.TrimSuffix(out[len(out)-1].Text, " ") + "\n"
			if !body[0].Style.Has(Pre) {
				body[0].Text = by + body[0].Text
			}
		}
		out = append(out, body...)
	}
	return out
}

// quotes tells whether a quotation begins where next goes on behind runs.
func quotes(runs, next []Run) bool {
	return len(runs) > 0 && len(next) > 0 && next[0].Style.Has(Quote) && !runs[len(runs)-1].Style.Has(Quote)
}

// indent puts spaces behind every line end outside of code, so that what follows
// stands under the text of its item. Those before a quotation are part of it.
func indent(runs []Run, by string) []Run {
	for i := range runs {
		if runs[i].Style.Has(Pre) {
			continue
		}
		lines := strings.SplitAfter(runs[i].Text, "\n")
		var b strings.Builder
		for j, line := range lines {
			begins := j > 0 && line != "" && line != "\n"
			// The end of a run is the beginning of a line when the next run is text on it.
			begins = begins || (j > 0 && line == "" && i+1 < len(runs) && !runs[i+1].Style.Has(Pre) && !strings.HasPrefix(runs[i+1].Text, "\n"))
			switch {
			case begins && line == "" && quotes(runs[:i+1], runs[i+1:]):
				runs[i+1].Text = by + runs[i+1].Text
			case begins:
				b.WriteString(by)
			}
			b.WriteString(line)
		}
		runs[i].Text = b.String()
	}
	return runs
}

// inlines shows what is in the lines of a block.
func (w walker) inlines(parent ast.Node, l look) []Run {
	var out []Run
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		out = append(out, w.inline(n, l)...)
	}
	return out
}

func (w walker) inline(n ast.Node, l look) []Run {
	switch n := n.(type) {
	case *ast.Text:
		return w.words(n, l)
	case *ast.String:
		return []Run{l.run(string(n.Value))}
	case *ast.CodeSpan:
		return w.codeSpan(n, l)
	case *ast.Emphasis:
		if n.Level > 1 {
			return w.inlines(n, l.with(Bold))
		}
		return w.inlines(n, l.with(Italic))
	case *extast.Strikethrough:
		return w.inlines(n, l.with(Strike))
	case *ast.Link:
		return w.link(n, unescape(n.Destination), l)
	case *ast.Image:
		return w.link(n, unescape(n.Destination), l)
	case *ast.AutoLink:
		address := string(n.URL(w.source))
		if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(address), "mailto:") {
			address = "mailto:" + address
		}
		return w.linked([]Run{l.run(string(n.Label(w.source)))}, address, l)
	case *ast.RawHTML:
		return []Run{l.run(string(n.Segments.Value(w.source)))}
	case *extast.TaskCheckBox:
		if n.IsChecked {
			return []Run{l.run("☑ ")}
		}
		return []Run{l.run("☐ ")}
	default:
		return w.inlines(n, l)
	}
}

func (w walker) words(n *ast.Text, l look) []Run {
	value := n.Value(w.source)
	words := string(value)
	if !n.IsRaw() {
		words = unescape(value)
	}
	if n.SoftLineBreak() || n.HardLineBreak() {
		words += "\n"
	}
	return []Run{l.run(words)}
}

// codeSpan takes its text as it is; a line end in it is a space.
func (w walker) codeSpan(n *ast.CodeSpan, l look) []Run {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.WriteString(strings.ReplaceAll(string(t.Value(w.source)), "\n", " "))
		}
	}
	return []Run{l.with(Code).run(b.String())}
}

// link shows a link or an image: the words lead to the address. Without words the
// address is shown.
func (w walker) link(n ast.Node, address string, l look) []Run {
	inner := l
	if inner.link == "" {
		inner.link = address
	}
	words := w.inlines(n, inner)
	if Text(words) == "" && address != "" {
		words = []Run{inner.run(address)}
	}
	return words
}

func (w walker) linked(words []Run, address string, l look) []Run {
	if l.link == "" {
		for i := range words {
			words[i].Link = address
		}
	}
	return words
}

// unescape resolves backslash escapes and character references in one pass, so that
// what comes out of one is not read as the other.
func unescape(value []byte) string {
	if bytes.IndexByte(value, '\\') < 0 && bytes.IndexByte(value, '&') < 0 {
		return string(value)
	}
	var b strings.Builder
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '\\' && i+1 < len(value) && util.IsPunct(value[i+1]):
			b.WriteByte(value[i+1])
			i += 2
		case c == '&':
			reference, n := resolve(value[i:])
			b.WriteString(reference)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// longestReference is more than the name of any HTML5 entity with & and ;.
const longestReference = 40

// resolve reads the character reference that value begins with; one that is none
// stays as it is. n is how many bytes it takes.
func resolve(value []byte) (text string, n int) {
	end := bytes.IndexByte(value[:min(len(value), longestReference)], ';')
	if end < 0 {
		return "&", 1
	}
	whole := value[:end+1]
	if out := util.ResolveEntityNames(whole); !bytes.Equal(out, whole) {
		return string(out), len(whole)
	}
	if out := util.ResolveNumericReferences(whole); !bytes.Equal(out, whole) {
		return strings.ToValidUTF8(string(out), string(utf8.RuneError)), len(whole)
	}
	return "&", 1
}
