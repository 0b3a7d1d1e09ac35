package openaichat

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// runeJoiner puts runes together that a server cut apart, sending some of their bytes
// in one piece and the rest in the next. Other bytes that are no UTF-8 become U+FFFD.
type runeJoiner struct {
	// held is the beginning of a rune, at most three bytes.
	held string
}

func (j *runeJoiner) add(piece string) string {
	if j.held == "" && utf8.ValidString(piece) || piece == "" {
		return piece
	}
	piece = j.held + piece
	cut := cutRune([]byte(piece))
	j.held = piece[len(piece)-cut:]
	return strings.ToValidUTF8(piece[:len(piece)-cut], "\uFFFD")
}

// rest gives what is left when the answer ends.
func (j *runeJoiner) rest() string {
	held := j.held
	j.held = ""
	return strings.ToValidUTF8(held, "\uFFFD")
}

// cutRune tells how many bytes at the end are the beginning of a rune.
func cutRune(b []byte) int {
	for n := 1; n <= min(3, len(b)); n++ {
		if last := b[len(b)-n]; utf8.RuneStart(last) {
			if last >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// resumeFilter drops the white space with which a continued answer repeats the end of
// its prefix: servers trim the prefix, so the model says that space again.
type resumeFilter struct {
	// space is what may still be repeated.
	space string
}

// tailOf gives the white space at the end of a prefix.
func tailOf(prefix string) string {
	return prefix[len(strings.TrimRightFunc(prefix, unicode.IsSpace)):]
}

func (f *resumeFilter) add(piece string) string {
	for f.space != "" && piece != "" {
		if piece[0] != f.space[0] {
			f.space = ""
			break
		}
		piece, f.space = piece[1:], f.space[1:]
	}
	return piece
}

// appendText adds what stands inside the quotes of a JSON string, which is valid. Half a
// surrogate pair becomes U+FFFD, as in encoding/json.
func appendText(to, inner []byte) []byte {
	for len(inner) > 0 {
		plain := bytes.IndexByte(inner, '\\')
		if plain < 0 {
			return append(to, inner...)
		}
		to = append(to, inner[:plain]...)
		escape := inner[plain+1]
		inner = inner[plain+2:]
		switch escape {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r := hexRune(inner)
			inner = inner[4:]
			if utf16.IsSurrogate(r) {
				second := rune(0)
				if len(inner) >= 6 && inner[0] == '\\' && inner[1] == 'u' {
					second = hexRune(inner[2:])
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					inner = inner[6:]
				}
			}
			to = utf8.AppendRune(to, r)
		default: // a quote, a slash or a backslash
			to = append(to, escape)
		}
	}
	return to
}

// hexRune reads four hexadecimal digits.
func hexRune(digits []byte) (r rune) {
	for _, d := range digits[:4] {
		switch {
		case d <= '9':
			d -= '0'
		default:
			d = d&^0x20 - 'A' + 10
		}
		r = r<<4 | rune(d)
	}
	return r
}
