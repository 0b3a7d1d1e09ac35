package openaiapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// value is a value in the request's body, in place: an image of some megabytes is
// neither copied nor looked at twice, and a mistake's path is known. The body was found
// to be valid JSON before. nil is a member that is not there, which is the same as null.
type value []byte

func (v value) missing() bool { return len(v) == 0 || v[0] == 'n' }

// parse finds the value of a whole body.
func parse(body []byte) (value, error) {
	if !json.Valid(body) {
		return nil, wrong("", "the body is not valid JSON")
	}
	return value(bytes.Trim(body, spaces)), nil
}

const spaces = " \t\r\n"

// text reads a string.
func (v value) text() (string, error) {
	switch {
	case v.missing():
		return "", nil
	case v[0] != '"':
		return "", wrongType("a string")
	case bytes.IndexByte(v, '\\') < 0 && utf8.Valid(v):
		return string(v[1 : len(v)-1]), nil
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", wrongType("a string")
	}
	return s, nil
}

func (v value) boolean() (bool, error) {
	switch {
	case v.missing():
		return false, nil
	case v[0] == 't', v[0] == 'f':
		return v[0] == 't', nil
	}
	return false, wrongType("true or false")
}

// number reads a number between low and high; nil where there is none.
func (v value) number(low, high float64) (*float64, error) {
	if v.missing() {
		return nil, nil
	}
	n, err := strconv.ParseFloat(string(v), 64)
	switch {
	case v[0] != '-' && (v[0] < '0' || v[0] > '9'):
		return nil, wrongType("a number")
	case err != nil, n < low, n > high:
		return nil, wrong(codeValue, "must be between %v and %v", low, high)
	}
	return &n, nil
}

// integer reads a whole number of at least low; nil where there is none. 256.0 is one too:
// in some languages every number is a fraction.
func (v value) integer(low int64) (*int64, error) {
	if v.missing() {
		return nil, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return nil, wrongType("an integer")
		}
		n = int64(f)
	}
	if n < low {
		return nil, wrong(codeValue, "must be at least %d", low)
	}
	return &n, nil
}

// object calls member for each of an object's. What goes wrong there is inside of it.
func (v value) object(member func(name string, v value) error) error {
	if v.missing() {
		return nil
	}
	if v[0] != '{' {
		return wrongType("an object")
	}
	for rest := v.inner(); len(rest) > 0; rest = following(rest) {
		end := valueEnd(rest)
		name := memberName(rest[:end])
		rest = bytes.TrimLeft(rest[end:], spaces+":")
		end = valueEnd(rest)
		if err := member(name, rest[:end]); err != nil {
			return inside(name, err)
		}
		rest = rest[end:]
	}
	return nil
}

// list calls element for each of a list's. What goes wrong there is inside of it.
func (v value) list(element func(i int, v value) error) error {
	if v.missing() {
		return nil
	}
	if v[0] != '[' {
		return wrongType("a list")
	}
	i := 0
	for rest := v.inner(); len(rest) > 0; rest = following(rest) {
		end := valueEnd(rest)
		if err := element(i, rest[:end]); err != nil {
			return insideAt(i, err)
		}
		rest, i = rest[end:], i+1
	}
	return nil
}

// inner is what is between the brackets.
func (v value) inner() value { return bytes.TrimLeft(v[1:len(v)-1], spaces) }

// following goes on behind a value: to the next one, or to the end.
func following(rest value) value { return bytes.TrimLeft(rest, spaces+",") }

func memberName(raw value) string {
	name, err := raw.text()
	if err != nil {
		return "" // valid JSON has strings for names
	}
	return name
}

// valueEnd finds the end of the value that v begins with.
func valueEnd(v value) int {
	switch v[0] {
	case '"':
		return stringEnd(v)
	case '{', '[':
		depth := 0
		for i := 0; i < len(v); i++ {
			switch v[i] {
			case '"':
				i += stringEnd(v[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(v)
	}
	if end := bytes.IndexAny(v, spaces+",]}"); end >= 0 {
		return end
	}
	return len(v)
}

// stringEnd finds the end of the string that v begins with: the first quote with an even
// number of backslashes before it.
func stringEnd(v value) int {
	for at := 1; at < len(v); {
		quote := bytes.IndexByte(v[at:], '"')
		if quote < 0 {
			return len(v)
		}
		at += quote + 1
		slashes := 0
		for v[at-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
	}
	return len(v)
}

const hex = "0123456789abcdef"

// appendQuoted writes a JSON string. Words of a stream come a few bytes at a time, so it
// allocates nothing.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		plain := 0
		for plain < len(s) && s[plain] >= ' ' && s[plain] != '"' && s[plain] != '\\' && s[plain] < utf8.RuneSelf {
			plain++
		}
		b, s = append(b, s[:plain]...), s[plain:]
		if s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, "\ufffd"...)
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&15])
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return append(b, '"')
}

// appendNullable writes a string, or null for the empty one.
func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendQuoted(b, s)
}
