package document

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split cuts a document into pieces that each measure at most limit, in the unit of
// measure (runes, bytes, UTF-16 units). measure must add up: the measure of a text
// is the sum of its runes'.
//
// It cuts between paragraphs where it can, else between lines, sentences, words, and
// only then inside a word, but not between a letter and what sits on it. A code
// block stays whole when a piece can hold it; a longer one is cut at its line ends
// and goes on as a block of the same language. Styles and links go on likewise.
// White space at a cut is dropped, nothing else is; there are no blank pieces. A
// rune that alone is over the limit is a piece of its own.
func Split(runs []Run, limit int, measure func(string) int) [][]Run {
	return SplitShown(runs, limit, measure, func([]Run) int { return 0 }, 0)
}

// SplitShown cuts as Split does, into pieces that also fit as they are shown: shown measures
// a piece with its markup, which may be most. A piece that is longer is cut shorter, by
// about as much as it must.
func SplitShown(runs []Run, limit int, measure func(string) int, shown func(piece []Run) int, most int) [][]Run {
	s := newSplitter(runs, limit, measure)
	var pieces [][]Run
	for pos := 0; pos < len(s.text); {
		pos = s.skipBlank(pos)
		if pos == len(s.text) {
			break
		}
		var piece []Run
		piece, pos = s.fit(pos, max(limit, 1), shown, most)
		if strings.TrimSpace(Text(piece)) != "" {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

type splitter struct {
	runs    []Run
	text    string
	starts  []int // starts[i] is where runs[i] begins in text
	blocks  []span
	limit   int
	measure func(string) int
}

// span is a code block in the text.
type span struct{ from, to int }

func newSplitter(runs []Run, limit int, measure func(string) int) *splitter {
	s := &splitter{runs: Append(nil, runs...), limit: max(limit, 1), measure: measure}
	var b strings.Builder
	for _, r := range s.runs {
		from := b.Len()
		s.starts = append(s.starts, from)
		b.WriteString(r.Text)
		if r.Style.Has(Pre) {
			s.blocks = append(s.blocks, span{from, b.Len()})
		}
	}
	s.text = b.String()
	return s
}

// block is the code block that holds the byte at i.
func (s *splitter) block(i int) (span, bool) {
	k := sort.Search(len(s.blocks), func(k int) bool { return s.blocks[k].to > i })
	if k < len(s.blocks) && s.blocks[k].from <= i {
		return s.blocks[k], true
	}
	return span{}, false
}

// skipBlank goes over white space between pieces; indents in code are kept.
func (s *splitter) skipBlank(pos int) int {
	for pos < len(s.text) {
		if _, code := s.block(pos); code {
			return pos
		}
		r, n := utf8.DecodeRuneInString(s.text[pos:])
		if !unicode.IsSpace(r) {
			return pos
		}
		pos += n
	}
	return pos
}

// trim is the end of a piece without the white space before it.
func (s *splitter) trim(from, end int) int {
	for end > from {
		if _, code := s.block(end - 1); code {
			return end
		}
		r, n := utf8.DecodeLastRuneInString(s.text[from:end])
		if !unicode.IsSpace(r) {
			return end
		}
		end -= n
	}
	return end
}

// cut finds the end of the piece that begins at pos, and where the next one begins.
func (s *splitter) cut(pos int) (end, next int) {
	reach := s.reach(pos)
	if reach == len(s.text) {
		return s.trim(pos, reach), reach
	}
	if b, code := s.block(reach); code && b.from < reach {
		return s.cutInBlock(b, pos, reach)
	}
	at := s.outside(pos, reach)
	return s.trim(pos, at), at
}

// fit takes the piece at pos, and gives where the next one begins.
func (s *splitter) fit(pos, limit int, shown func([]Run) int, most int) (piece []Run, next int) {
	s.limit = limit
	for {
		end, next := s.cut(pos)
		piece = s.slice(pos, end)
		length := shown(piece)
		if length <= most || s.limit == 1 {
			return piece, next
		}
		words := min(s.limit, s.measure(s.text[pos:end]))
		s.limit = max(min(words*most/length, words-1), 1)
	}
}

// reach is how far a piece from pos can go: at least one rune, and not between a
// letter and what sits on it unless there is no other place.
func (s *splitter) reach(pos int) int {
	used, hard, soft := 0, pos, pos
	for hard < len(s.text) {
		_, n := utf8.DecodeRuneInString(s.text[hard:])
		used += s.measure(s.text[hard : hard+n])
		if used > s.limit {
			break
		}
		hard += n
		if s.separable(pos, hard) {
			soft = hard
		}
	}
	switch {
	case soft > pos:
		return soft
	case hard > pos:
		return hard
	default:
		_, n := utf8.DecodeRuneInString(s.text[pos:])
		return pos + n
	}
}

// cutInBlock cuts where the reach ends inside a code block: before the block when
// it then stays whole, else behind the last line that fits.
func (s *splitter) cutInBlock(b span, pos, reach int) (end, next int) {
	if b.from > pos && s.measure(s.text[b.from:b.to]) <= s.limit {
		return s.trim(pos, b.from), b.from
	}
	from := max(pos, b.from)
	window := s.text[from:reach]
	if s.text[reach] == '\n' {
		return reach, reach + 1
	}
	if i := strings.LastIndexByte(window, '\n'); i > 0 {
		return from + i, from + i + 1
	}
	if b.from > pos {
		return s.trim(pos, b.from), b.from
	}
	return reach, reach
}

// outside finds the best cut in (pos, reach] that is not inside a code block. A cut
// that would leave a piece nearly empty is passed over for the next kind.
func (s *splitter) outside(pos, reach int) int {
	least := pos + (reach-pos)/4
	for _, kind := range []func(int) bool{s.afterParagraph, s.afterLine, s.afterSentence, s.afterWord} {
		for i := reach; i > least; i-- {
			if kind(i) && !s.insideBlock(i) {
				return i
			}
		}
	}
	// A short paragraph before a long word is still better than a broken word.
	for i := reach; i > pos; i-- {
		if s.afterWord(i) && !s.insideBlock(i) {
			return i
		}
	}
	return reach
}

// insideBlock tells whether a cut at i would part a code block.
func (s *splitter) insideBlock(i int) bool {
	b, code := s.block(i)
	return code && b.from < i
}

func (s *splitter) afterParagraph(i int) bool {
	return s.afterLine(i) && (strings.HasSuffix(s.text[:i], "\n\n") || s.beginsWith(i, "\n\n") || s.atBlock(i))
}

// atBlock tells whether a code block begins or ends at i.
func (s *splitter) atBlock(i int) bool {
	if b, code := s.block(i); code && b.from == i {
		return true
	}
	b, code := s.block(i - 1)
	return code && b.to == i
}

func (s *splitter) afterLine(i int) bool {
	return s.text[i-1] == '\n' || s.beginsWith(i, "\n") || s.atBlock(i)
}

func (s *splitter) beginsWith(i int, prefix string) bool {
	return strings.HasPrefix(s.text[i:], prefix)
}

// afterSentence: behind a full stop and before white space; the full stops of
// Chinese and Japanese need none.
func (s *splitter) afterSentence(i int) bool {
	last, _ := utf8.DecodeLastRuneInString(s.text[:i])
	switch last {
	case '。', '！', '？', '…':
		next, _ := utf8.DecodeRuneInString(s.text[i:])
		return !attaches(next)
	case '.', '!', '?':
		next, _ := utf8.DecodeRuneInString(s.text[i:])
		return unicode.IsSpace(next)
	default:
		return false
	}
}

func (s *splitter) afterWord(i int) bool {
	if i < len(s.text) && !utf8.RuneStart(s.text[i]) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(s.text[i:])
	return unicode.IsSpace(next)
}

// slice is the document between two places.
func (s *splitter) slice(from, to int) []Run {
	var out []Run
	k := sort.Search(len(s.starts), func(k int) bool { return s.starts[k] > from }) - 1
	for ; k < len(s.runs) && s.starts[k] < to; k++ {
		r := s.runs[k]
		begin, end := max(from-s.starts[k], 0), min(to-s.starts[k], len(r.Text))
		r.Text = r.Text[begin:end]
		out = Append(out, r)
	}
	return out
}

// separable tells whether a cut at i parts no letter from what sits on it: the
// common cases of https://unicode.org/reports/tr29. pos is where the piece begins.
func (s *splitter) separable(pos, i int) bool {
	if i == len(s.text) || s.atBlock(i) {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s.text[:i])
	after, _ := utf8.DecodeRuneInString(s.text[i:])
	switch {
	case attaches(after), before == zeroWidthJoiner:
		return false
	case before == '\r' && after == '\n':
		return false
	case regional(before) && regional(after):
		return s.flagsBefore(pos, i)%2 == 0
	default:
		return true
	}
}

// flagsBefore counts the regional indicators from pos or later right before i; two
// of them are a flag.
func (s *splitter) flagsBefore(pos, i int) int {
	n := 0
	for i > pos {
		r, size := utf8.DecodeLastRuneInString(s.text[pos:i])
		if !regional(r) {
			break
		}
		n++
		i -= size
	}
	return n
}

const zeroWidthJoiner = '\u200d'

// attaches tells whether a rune belongs to the one before it.
func attaches(r rune) bool {
	switch {
	case r < 0x300:
		return false
	case r == zeroWidthJoiner, r >= 0x1f3fb && r <= 0x1f3ff, r >= 0xe0020 && r <= 0xe007f, r >= 0x1160 && r <= 0x11ff:
		return true
	default:
		return unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc)
	}
}

func regional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }
