package telegram

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText     = 4096 // UTF-16 units after parsing
	maxCaption  = 1024
	maxRawText  = 1 << 15 // bytes before parsing
	maxEntities = 100     // entities kept per message
)

// units counts the UTF-16 code units of a rune.
func units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

func textUnits(s string) int {
	n := 0
	for _, r := range s {
		n += units(r)
	}
	return n
}

// formatted reads a text argument with its parse_mode or its explicit entities, cleans and trims
// it, and adds the entities that clients find by themselves.
func (p params) formatted(textField, entitiesField string) (string, []Entity, error) {
	return formatText(p.values[textField], p.values["parse_mode"], p.values[entitiesField])
}

func formatText(text, mode, given string) (string, []Entity, error) {
	if len(text) > maxRawText {
		return "", nil, badRequest("text is too long")
	}
	if !utf8.ValidString(text) {
		return "", nil, badRequest("strings must be encoded in UTF-8")
	}
	if text == "" {
		return "", nil, nil
	}
	var found []Entity
	var err error
	switch strings.ToLower(mode) {
	case "html":
		text, found, err = parseHTML(text)
	case "markdownv2":
		text, found, err = parseMarkdownV2(text)
	case "", "none":
		found, err = givenEntities(given)
	case "markdown":
		return "", nil, badRequest("the legacy Markdown mode is not simulated; use MarkdownV2 or HTML")
	default:
		return "", nil, badRequest("unsupported parse_mode")
	}
	if err != nil {
		return "", nil, err
	}
	text, found = clean(text, found)
	found = arrange(text, found)
	text, found = trim(text, found)
	found = detect(text, found)
	return text, found[:min(len(found), maxEntities)], nil
}

// givenEntities reads an explicit entities argument.
func givenEntities(text string) ([]Entity, error) {
	if !strings.HasPrefix(text, "[") || !json.Valid([]byte(text)) {
		return nil, nil // the public server ignores what is no array
	}
	var list []struct {
		Entity
		Offset *int    `json:"offset"`
		Length *int    `json:"length"`
		Type   *string `json:"type"`
	}
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil, badRequest("can't parse MessageEntity: a field has the wrong type")
	}
	found := make([]Entity, 0, len(list))
	for _, e := range list {
		missing := ""
		switch {
		case e.Offset == nil:
			missing = "offset"
		case e.Length == nil:
			missing = "length"
		case e.Type == nil:
			missing = "type"
		}
		if missing != "" {
			return nil, badRequest("can't parse MessageEntity: Can't find field " + strconv.Quote(missing))
		}
		if *e.Offset < 0 || *e.Offset > 1000000 {
			return nil, badRequest("receive an entity with incorrect offset " + strconv.Itoa(*e.Offset))
		}
		if *e.Length < 0 || *e.Length > 1000000 {
			return nil, badRequest("receive an entity with incorrect length " + strconv.Itoa(*e.Length))
		}
		e.Entity.Offset, e.Entity.Length, e.Entity.Type = *e.Offset, *e.Length, *e.Type
		switch e.Entity.Type {
		case "bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "text_link",
			"text_mention", "custom_emoji", "blockquote", "expandable_blockquote":
			found = append(found, e.Entity)
		}
	}
	return found, nil
}

// linkEntity makes a link, or a mention of a user, of an address; false drops what is no address.
func linkEntity(e Entity, address string) (Entity, bool) {
	if id, ok := strings.CutPrefix(address, "tg://user?id="); ok {
		n, err := strconv.ParseInt(id, 10, 64)
		e.Type, e.User = "text_mention", &User{ID: n}
		return e, err == nil && n > 0
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !strings.Contains(u.Host, ".") && u.Scheme != "tg" && u.Hostname() != "localhost" {
		return e, false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https", "tg", "ton", "tonsite":
	default:
		return e, false
	}
	if u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.Scheme != "tg" {
		address = strings.TrimSuffix(address, "/") + "/"
	}
	e.Type, e.URL = "text_link", address
	return e, true
}

// cleanRune says what becomes of a character: control characters turn into spaces, carriage
// returns and direction marks go. The rules are those of the public server.
func cleanRune(r rune) (rune, bool) {
	switch {
	case r == '\n':
		return r, true
	case r == '\r', r >= 0x2028 && r <= 0x202e, r == 0x333, r == 0x33f, r == 0x30a:
		return 0, false
	case r < ' ':
		return ' ', true
	}
	return r, true
}

// clean applies cleanRune and moves the entities along.
func clean(text string, found []Entity) (string, []Entity) {
	dirty := strings.ContainsFunc(text, func(r rune) bool {
		c, keep := cleanRune(r)
		return !keep || c != r
	})
	if !dirty {
		return text, found
	}
	moved := make([]int, 0, len(text)+1) // new position of each old UTF-16 unit
	var out strings.Builder
	n := 0
	for _, r := range text {
		for range units(r) {
			moved = append(moved, n)
		}
		if c, keep := cleanRune(r); keep {
			out.WriteRune(c)
			n += units(c)
		}
	}
	moved = append(moved, n)
	at := func(i int) int { return moved[min(i, len(moved)-1)] }
	for i, e := range found {
		found[i].Offset = at(e.Offset)
		found[i].Length = at(e.Offset+e.Length) - at(e.Offset)
	}
	return out.String(), found
}

// trim cuts white space at both ends; leading space inside an entity stays.
func trim(text string, found []Entity) (string, []Entity) {
	short := strings.TrimRightFunc(text, unicode.IsSpace)
	limit := textUnits(short)
	found = slices.DeleteFunc(found, func(e Entity) bool { return e.Offset >= limit })
	lead := 0
	for lead < len(short) && (short[lead] == ' ' || short[lead] == '\n') && (len(found) == 0 || lead < found[0].Offset) {
		lead++
	}
	for i := range found {
		found[i].Length = min(found[i].Length, limit-found[i].Offset)
		found[i].Offset -= lead
	}
	return short[lead:], found
}

// style entities may overlap each other; the rest may not, and none goes into code.
func isStyle(kind string) bool {
	switch kind {
	case "bold", "italic", "underline", "strikethrough", "spoiler":
		return true
	}
	return false
}

func isQuote(kind string) bool { return kind == "blockquote" || kind == "expandable_blockquote" }

func isCode(kind string) bool { return kind == "code" || kind == "pre" }

func byPlace(a, b Entity) int {
	return cmp.Or(a.Offset-b.Offset, b.Length-a.Length)
}

// arrange drops what cannot be shown: empty and overhanging entities, quotes in quotes, links in
// links; styles are cut out of code and joined where they touch.
func arrange(text string, found []Entity) []Entity {
	if len(found) == 0 {
		return nil
	}
	limit := textUnits(text)
	found = slices.Clone(found)
	for i := range found {
		found[i].Length = min(found[i].Length, limit-found[i].Offset)
		if found[i].Type == "code" {
			found[i].Language = ""
		}
	}
	found = slices.DeleteFunc(found, func(e Entity) bool { return e.Length <= 0 })
	slices.SortStableFunc(found, byPlace)
	var out, whole []Entity
	quoteEnd, wholeEnd := 0, 0
	for _, e := range found {
		switch {
		case isStyle(e.Type):
			continue
		case isQuote(e.Type):
			if e.Offset < quoteEnd {
				continue
			}
			quoteEnd = e.Offset + e.Length
		default:
			if e.Offset < wholeEnd {
				continue
			}
			wholeEnd = e.Offset + e.Length
			whole = append(whole, e)
		}
		out = append(out, e)
	}
	for _, e := range found {
		if isStyle(e.Type) {
			out = addStyle(out, e, whole)
		}
	}
	slices.SortStableFunc(out, byPlace)
	return out
}

// addStyle adds the parts of a style outside code, joined with an equal style before it.
func addStyle(out []Entity, e Entity, whole []Entity) []Entity {
	from, end := e.Offset, e.Offset+e.Length
	add := func(from, to int) {
		if from >= to {
			return
		}
		for i := range out {
			if o := &out[i]; o.Type == e.Type && o.Offset <= from && from <= o.Offset+o.Length {
				o.Length = max(o.Length, to-o.Offset)
				return
			}
		}
		out = append(out, Entity{Type: e.Type, Offset: from, Length: to - from})
	}
	for _, w := range whole {
		if isCode(w.Type) && w.Offset < end && w.Offset+w.Length > from {
			add(from, w.Offset)
			from = max(from, w.Offset+w.Length)
		}
	}
	add(from, end)
	return out
}

// found by every client in plain text; see https://core.telegram.org/bots/api#messageentity.
var detected = []struct {
	kind    string
	pattern *regexp.Regexp
}{
	{"url", regexp.MustCompile(`\bhttps?://[^\s<>"']+[^\s<>"'.,!?:;)\]]`)},
	{"email", regexp.MustCompile(`\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b`)},
	{"mention", regexp.MustCompile(`@[A-Za-z][A-Za-z0-9_]{2,31}\b`)},
	{"bot_command", regexp.MustCompile(`/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?\b`)},
	{"hashtag", regexp.MustCompile(`#[\p{L}\p{N}_]*[\p{L}_][\p{L}\p{N}_]*`)},
}

// detect adds the entities that need no markup, outside those there are.
func detect(text string, found []Entity) []Entity {
	if !strings.ContainsAny(text, "@/#") {
		return found
	}
	taken := func(from, to int) bool {
		return slices.ContainsFunc(found, func(e Entity) bool {
			return !isStyle(e.Type) && !isQuote(e.Type) && e.Offset < to && from < e.Offset+e.Length
		})
	}
	for _, d := range detected {
		for _, at := range d.pattern.FindAllStringIndex(text, -1) {
			if d.kind != "url" && d.kind != "email" && !freeBefore(text, at[0]) {
				continue
			}
			from := textUnits(text[:at[0]])
			length := textUnits(text[at[0]:at[1]])
			if !taken(from, from+length) {
				found = append(found, Entity{Type: d.kind, Offset: from, Length: length})
			}
		}
	}
	slices.SortStableFunc(found, byPlace)
	return found
}

// freeBefore tells that what begins at i is not the tail of a word, a path or a markup.
func freeBefore(text string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:i])
	return i == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_/@#<>", r)
}
