package telegram

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// htmlTags are the tags of parse_mode HTML, with the entity each makes.
// See https://core.telegram.org/bots/api#html-style.
var htmlTags = map[string]string{
	"a": "text_link", "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
	"ins": "underline", "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
	"tg-spoiler": "spoiler", "span": "spoiler", "tg-emoji": "custom_emoji", "code": "code", "pre": "pre",
	"blockquote": "blockquote",
}

// markupError is a refusal of marked-up text; the position counts bytes of the text as sent.
func markupError(format string, args ...any) error {
	return badRequest("can't parse entities: " + fmt.Sprintf(format, args...))
}

// openTag is a tag that waits for its end.
type openTag struct {
	name     string
	argument string
	start    int // in UTF-16 units of the plain text
	begin    int // in bytes of the plain text
}

type htmlParser struct {
	in    string
	pos   int
	out   strings.Builder
	units int // length of out in UTF-16 units
	open  []openTag
	found []Entity
}

// parseHTML turns marked-up text into plain text and entities.
func parseHTML(text string) (string, []Entity, error) {
	p := &htmlParser{in: text}
	p.out.Grow(len(text))
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		var err error
		switch {
		case c == '<' && p.at(p.pos+1) == '/':
			err = p.endTag()
		case c == '<':
			err = p.startTag()
		default:
			p.text()
		}
		if err != nil {
			return "", nil, err
		}
	}
	if n := len(p.open); n > 0 {
		return "", nil, markupError("Can't find end tag corresponding to start tag %q", p.open[n-1].name)
	}
	return p.out.String(), p.found, nil
}

// at gives a byte of the input, and zero past its end.
func (p *htmlParser) at(i int) byte {
	if i < len(p.in) {
		return p.in[i]
	}
	return 0
}

// text moves over plain text up to the next tag.
func (p *htmlParser) text() {
	for p.pos < len(p.in) && p.in[p.pos] != '<' {
		if p.in[p.pos] == '&' {
			if r, n := htmlEntity(p.in[p.pos:]); n > 0 {
				p.emit(r)
				p.pos += n
				continue
			}
		}
		r, n := utf8.DecodeRuneInString(p.in[p.pos:])
		p.emit(r)
		p.pos += n
	}
}

func (p *htmlParser) emit(r rune) {
	p.out.WriteRune(r)
	p.units += units(r)
}

// maxReference bounds a numeric character reference, in bytes.
const maxReference = 10

// htmlEntity decodes a character reference at the start of s. Unknown ones are plain text: n is 0.
func htmlEntity(s string) (r rune, n int) {
	end := 1
	if strings.HasPrefix(s, "&#") {
		base := 10
		end = 2
		if strings.HasPrefix(s, "&#x") {
			base, end = 16, 3
		}
		for end < len(s) && isDigit(s[end], base) && end < maxReference {
			r = r*rune(base) + digit(s[end])
			end++
		}
		if r == 0 || r >= unicode.MaxRune || end == maxReference {
			return 0, 0
		}
	} else {
		for end < len(s) && (s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
			end++
		}
		switch s[1:end] {
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "amp":
			r = '&'
		case "quot":
			r = '"'
		default:
			return 0, 0
		}
	}
	if end < len(s) && s[end] == ';' {
		end++
	}
	return r, end
}

// digit is the value of a decimal or hexadecimal digit.
func digit(c byte) rune {
	if c <= '9' {
		return rune(c - '0')
	}
	return rune(c|0x20) - 'a' + 10
}

func isDigit(c byte, base int) bool {
	return c >= '0' && c <= '9' || base == 16 && (c|0x20 >= 'a' && c|0x20 <= 'f')
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func (p *htmlParser) skipSpace() {
	for isSpace(p.at(p.pos)) {
		p.pos++
	}
}

// startTag reads a tag with its attributes. The position is on '<'.
func (p *htmlParser) startTag() error {
	begin := p.pos
	p.pos++
	for p.pos < len(p.in) && !isSpace(p.in[p.pos]) && p.in[p.pos] != '>' {
		p.pos++
	}
	if p.pos >= len(p.in) {
		return markupError("Unclosed start tag at byte offset %d", begin)
	}
	tag := openTag{name: strings.ToLower(p.in[begin+1 : p.pos]), start: p.units, begin: p.out.Len()}
	if htmlTags[tag.name] == "" {
		return markupError("Unsupported start tag %q at byte offset %d", tag.name, begin)
	}
	for p.at(p.pos) != '>' {
		p.skipSpace()
		if p.at(p.pos) == '>' {
			break
		}
		if err := p.attribute(&tag, begin); err != nil {
			return err
		}
	}
	p.pos++
	if tag.name == "span" && tag.argument != "spoiler" {
		return markupError(`Tag "span" must have class "tg-spoiler" at byte offset %d`, begin)
	}
	p.open = append(p.open, tag)
	return nil
}

// attribute reads one attribute and keeps what the tag needs of it.
func (p *htmlParser) attribute(tag *openTag, begin int) error {
	from := p.pos
	for p.pos < len(p.in) && !isSpace(p.in[p.pos]) && !strings.ContainsRune(`=>/"'`, rune(p.in[p.pos])) {
		p.pos++
	}
	name := p.in[from:p.pos]
	if name == "" {
		if p.pos >= len(p.in) {
			return markupError("Unclosed start tag at byte offset %d", begin)
		}
		return markupError("Empty attribute name in the tag %q at byte offset %d", tag.name, begin)
	}
	p.skipSpace()
	value := ""
	if p.at(p.pos) == '=' {
		p.pos++
		p.skipSpace()
		var err error
		if value, err = p.value(begin); err != nil {
			return err
		}
	}
	if p.pos >= len(p.in) {
		return markupError("Unclosed start tag %q at byte offset %d", tag.name, begin)
	}
	switch tag.name + " " + name {
	case "a href", "tg-emoji emoji-id":
		tag.argument = value
	case "code class":
		if lang, ok := strings.CutPrefix(value, "language-"); ok {
			tag.argument = lang
		}
	case "span class":
		if class, ok := strings.CutPrefix(value, "tg-"); ok {
			tag.argument = class
		}
	case "blockquote expandable":
		tag.argument = "1"
	}
	return nil
}

// value reads the value of an attribute, a name token or a quoted string.
func (p *htmlParser) value(begin int) (string, error) {
	quote := p.at(p.pos)
	if quote != '"' && quote != '\'' {
		from := p.pos
		for c := p.at(p.pos); isDigit(c, 10) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '-'; c = p.at(p.pos) {
			p.pos++
		}
		if p.pos < len(p.in) && !isSpace(p.in[p.pos]) && p.in[p.pos] != '>' {
			return "", markupError("Unexpected end of name token at byte offset %d", from)
		}
		return strings.ToLower(p.in[from:p.pos]), nil
	}
	p.pos++
	var value strings.Builder
	for p.pos < len(p.in) && p.in[p.pos] != quote {
		if p.in[p.pos] == '&' {
			if r, n := htmlEntity(p.in[p.pos:]); n > 0 {
				value.WriteRune(r)
				p.pos += n
				continue
			}
		}
		value.WriteByte(p.in[p.pos])
		p.pos++
	}
	if p.pos >= len(p.in) {
		return "", markupError("Unclosed start tag at byte offset %d", begin)
	}
	p.pos++
	return value.String(), nil
}

// endTag closes the innermost tag. The position is on '<'.
func (p *htmlParser) endTag() error {
	begin := p.pos
	if len(p.open) == 0 {
		return markupError("Unexpected end tag at byte offset %d", begin)
	}
	for p.pos < len(p.in) && !isSpace(p.in[p.pos]) && p.in[p.pos] != '>' {
		p.pos++
	}
	name := strings.ToLower(p.in[begin+2 : p.pos])
	p.skipSpace()
	if p.at(p.pos) != '>' {
		return markupError("Unclosed end tag at byte offset %d", begin)
	}
	p.pos++
	tag := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if name != "" && name != tag.name {
		return markupError(`Unmatched end tag at byte offset %d, expected "</%s>", found "</%s>"`, begin, tag.name, name)
	}
	if p.units > tag.start {
		return p.close(tag)
	}
	return nil
}

// close makes the entity of a tag that ended.
func (p *htmlParser) close(tag openTag) error {
	e := Entity{Type: htmlTags[tag.name], Offset: tag.start, Length: p.units - tag.start}
	var last *Entity
	if n := len(p.found); n > 0 && p.found[n-1].Offset == e.Offset && p.found[n-1].Length == e.Length {
		last = &p.found[n-1]
	}
	switch tag.name {
	case "a":
		if tag.argument == "" {
			tag.argument = p.out.String()[tag.begin:]
		}
		var ok bool
		if e, ok = linkEntity(e, tag.argument); !ok {
			return nil
		}
	case "tg-emoji":
		if id, err := strconv.ParseInt(tag.argument, 10, 64); err != nil || id == 0 {
			return markupError("Invalid custom emoji identifier specified")
		}
		e.CustomEmojiID = tag.argument
	case "pre":
		if last != nil && last.Type == "code" && last.Language != "" {
			last.Type = "pre"
			return nil
		}
	case "code":
		if last != nil && last.Type == "pre" && tag.argument != "" {
			last.Language = tag.argument
			return nil
		}
		e.Language = tag.argument // taken over by an enclosing <pre>, else dropped at the end
	case "blockquote":
		if tag.argument != "" {
			e.Type = "expandable_blockquote"
		}
	}
	p.found = append(p.found, e)
	return nil
}
