package telegram

import (
	"strings"
	"unicode/utf8"
)

// md2Names are the names of entities in errors, as the public server spells them.
var md2Names = map[string]string{
	"bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough",
	"spoiler": "Spoiler", "code": "Code", "pre": "Pre", "text_link": "TextUrl", "custom_emoji": "CustomEmoji",
	"blockquote": "BlockQuote",
}

const md2Reserved = "_*[]()~`>#+-=|{}.!\n"

// mark is an entity that waits for its end.
type mark struct {
	kind     string
	language string
	start    int // in UTF-16 units of the plain text
	begin    int // in bytes of the plain text
	from     int // in bytes of the input
}

type md2Parser struct {
	in         string
	pos        int
	out        []byte
	units      int
	open       []mark
	found      []Entity
	quoting    bool // inside a block quotation
	atLineHead bool // a block quotation may begin here
}

// parseMarkdownV2 turns marked-up text into plain text and entities.
// See https://core.telegram.org/bots/api#markdownv2-style.
func parseMarkdownV2(text string) (string, []Entity, error) {
	p := &md2Parser{in: text, atLineHead: true, out: make([]byte, 0, len(text))}
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		if next := p.at(p.pos + 1); c == '\\' && next > 0 && next <= 126 {
			p.emit(rune(next))
			p.pos += 2
			p.atLineHead = next == '\n' || next == '\r' && p.atLineHead
			continue
		}
		if !p.reserved(c) {
			r, n := utf8.DecodeRuneInString(p.in[p.pos:])
			p.emit(r)
			p.pos += n
			if c != '\r' {
				p.atLineHead = false
			}
			continue
		}
		var err error
		if p.ends(c) {
			err = p.end(c)
		} else {
			err = p.begin(c)
		}
		if err != nil {
			return "", nil, err
		}
	}
	if err := p.finish(); err != nil {
		return "", nil, err
	}
	return string(p.out), p.found, nil
}

func (p *md2Parser) at(i int) byte {
	if i < len(p.in) {
		return p.in[i]
	}
	return 0
}

func (p *md2Parser) has(prefix string) bool { return strings.HasPrefix(p.in[p.pos:], prefix) }

func (p *md2Parser) emit(r rune) {
	p.out = utf8.AppendRune(p.out, r)
	p.units += units(r)
}

func (p *md2Parser) top() *mark {
	if len(p.open) == 0 {
		return nil
	}
	return &p.open[len(p.open)-1]
}

// reserved tells whether a character has a meaning here: inside code only the backtick has.
func (p *md2Parser) reserved(c byte) bool {
	if top := p.top(); top != nil && (top.kind == "code" || top.kind == "pre") {
		return c == '`'
	}
	return strings.IndexByte(md2Reserved, c) >= 0
}

// ends tells whether the character at the position ends the innermost entity.
func (p *md2Parser) ends(c byte) bool {
	top := p.top()
	if top == nil {
		return false
	}
	if p.quoting && c == '\n' && p.at(p.pos+1) != '>' {
		return true
	}
	switch top.kind {
	case "bold":
		return c == '*'
	case "italic":
		return c == '_' && p.at(p.pos+1) != '_'
	case "underline":
		return p.has("__")
	case "strikethrough":
		return c == '~'
	case "spoiler":
		return p.has("||")
	case "code":
		return c == '`'
	case "pre":
		return p.has("```")
	case "text_link", "custom_emoji":
		return c == ']'
	}
	return false
}

func unescaped(c byte) error {
	return markupError(`Character '%c' is reserved and must be escaped with the preceding '\'`, c)
}

func (p *md2Parser) unended(m *mark) error {
	name := md2Names[m.kind]
	if m.kind == "pre" && m.language != "" {
		name = "PreCode"
	}
	return markupError("Can't find end of %s entity at byte offset %d", name, m.from)
}

// begin opens an entity, or moves over a line break.
func (p *md2Parser) begin(c byte) error {
	m := mark{from: p.pos}
	size := 1
	switch {
	case p.has("__"):
		m.kind, size = "underline", 2
	case c == '_':
		m.kind = "italic"
	case c == '*':
		m.kind = "bold"
	case c == '~':
		m.kind = "strikethrough"
	case p.has("||"):
		m.kind, size = "spoiler", 2
	case c == '[':
		m.kind = "text_link"
	case p.has("!["):
		m.kind, size = "custom_emoji", 2
	case p.has("```"):
		p.beginPre(&m)
		size = 0
	case c == '`':
		m.kind = "code"
	case c == '\n':
		p.emit('\n')
		p.pos++
		p.atLineHead = true
		return nil
	case c == '>' && p.atLineHead:
		if p.quoting {
			p.pos++
			return nil
		}
		m.kind = "blockquote"
		p.quoting = true
	default:
		return unescaped(c)
	}
	m.start, m.begin = p.units, len(p.out)
	p.pos += size
	p.open = append(p.open, m)
	return nil
}

// beginPre reads the opening fence with its language and one line break.
func (p *md2Parser) beginPre(m *mark) {
	m.kind = "pre"
	p.pos += len("```")
	end := p.pos
	for end < len(p.in) && !isSpace(p.in[end]) && p.in[end] != '`' {
		end++
	}
	if end > p.pos && end < len(p.in) && p.in[end] != '`' {
		m.language = p.in[p.pos:end]
		p.pos = end
	}
	switch {
	case p.has("\r\n"), p.has("\n\r"):
		p.pos += 2
	case p.has("\n"), p.has("\r"):
		p.pos++
	}
}

// end closes the innermost entity; a line break may end a block quotation.
func (p *md2Parser) end(c byte) error {
	m := *p.top()
	kind := m.kind
	if c == '\n' && kind != "blockquote" {
		// "||" just before the line break marks the quotation as expandable.
		justOpened := m.from == p.pos-2 || m.from == p.pos-3 && p.in[p.pos-1] == '\r'
		if kind != "spoiler" || !justOpened {
			return p.unended(&m)
		}
		p.open = p.open[:len(p.open)-1]
		m = *p.top()
		if m.kind != "blockquote" {
			return p.unended(&m)
		}
		kind = "expandable_blockquote"
	}
	e := Entity{Type: kind, Offset: m.start, Length: p.units - m.start, Language: m.language}
	keep := e.Length > 0
	switch kind {
	case "underline", "spoiler":
		p.pos += 2
	case "pre":
		p.pos += 3
	case "text_link", "custom_emoji":
		var err error
		if e, keep, err = p.target(e, m, keep); err != nil {
			return err
		}
	case "blockquote", "expandable_blockquote":
		p.quoting = false
		p.emit('\n')
		p.pos++
		p.atLineHead = true
		e.Length, keep = p.units-m.start, true
	default:
		p.pos++
	}
	p.open = p.open[:len(p.open)-1]
	if keep {
		p.found = append(p.found, e)
	}
	return nil
}

// target reads what a link or a custom emoji points to. The position is on ']'.
func (p *md2Parser) target(e Entity, m mark, keep bool) (Entity, bool, error) {
	address := string(p.out[m.begin:])
	if p.at(p.pos+1) == '(' {
		p.pos += 2
		from := p.pos
		var b strings.Builder
		for p.pos < len(p.in) && p.in[p.pos] != ')' {
			if next := p.at(p.pos + 1); p.in[p.pos] == '\\' && next > 0 && next <= 126 {
				p.pos++
			}
			b.WriteByte(p.in[p.pos])
			p.pos++
		}
		if p.pos >= len(p.in) {
			return e, false, markupError("Can't find end of a URL at byte offset %d", from)
		}
		address = b.String()
	} else if e.Type == "custom_emoji" {
		return e, false, markupError("The entity must contain a tg://emoji or tg://time URL")
	}
	p.pos++
	if e.Type == "custom_emoji" {
		id, ok := strings.CutPrefix(address, "tg://emoji?id=")
		if !ok || id == "" || strings.Trim(id, "0123456789") != "" {
			return e, false, markupError("Invalid tg://emoji or tg://time URL specified")
		}
		e.CustomEmojiID = id
		return e, keep, nil
	}
	linked, ok := linkEntity(e, address)
	return linked, ok && keep, nil
}

// finish closes a quotation that reaches the end of the text; nothing else may be open.
func (p *md2Parser) finish() error {
	if p.quoting {
		kind := "blockquote"
		if top := p.top(); top.kind == "spoiler" && top.from == len(p.in)-2 {
			p.open = p.open[:len(p.open)-1]
			kind = "expandable_blockquote"
		}
		if top := p.top(); top != nil && top.kind == "blockquote" {
			if p.units > top.start {
				p.found = append(p.found, Entity{Type: kind, Offset: top.start, Length: p.units - top.start})
			}
			p.open = p.open[:len(p.open)-1]
		}
	}
	if top := p.top(); top != nil {
		return p.unended(top)
	}
	return nil
}
