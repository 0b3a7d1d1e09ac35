package skills

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Wrong is what is wrong with an argument, for the person who wrote it.
type Wrong struct {
	what Phrase
	with []any
	// bounds stand for the words of what an argument must be.
	bounds *Argument
}

// In says it in a language.
func (w Wrong) In(language string) string {
	with := w.with
	if w.bounds != nil {
		with = append(slices.Clone(with), w.bounds.must(language))
	}
	return fmt.Sprintf(w.what.In(language), with...)
}

// Read reads what stands behind a command: name=value, and words for the arguments that
// are not named, in their order; quotes hold words together. Where the last required
// argument is free text, or no other is left, it takes all words that are left. It gives
// the arguments as a JSON object, or all that is wrong.
func (s *Schema) Read(text string) (json.RawMessage, []Wrong) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if input, err := s.Check(json.RawMessage(text)); err == nil {
			return input, nil
		}
	}
	given, wrong := s.assign(text, split(text, s.has))
	values := map[string]any{}
	for _, a := range s.arguments {
		word, ok := given[a.Name]
		switch {
		case ok:
			value, err := a.value(word)
			if err != nil {
				wrong = append(wrong, *err)
				continue
			}
			values[a.Name] = value
		case a.Required:
			wrong = append(wrong, Wrong{what: isMissing, with: []any{a.Name}})
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	input, err := s.finish(values)
	if err != nil {
		return nil, []Wrong{{what: doesNotFit}}
	}
	return input, nil
}

func (s *Schema) has(name string) bool {
	return slices.ContainsFunc(s.arguments, func(a Argument) bool { return a.Name == name })
}

// assign gives each word to an argument.
func (s *Schema) assign(text string, words []word) (map[string]string, []Wrong) {
	given := map[string]string{}
	var loose []word
	var wrong []Wrong
	for _, w := range words {
		if w.name == "" {
			loose = append(loose, w)
			continue
		}
		if _, twice := given[w.name]; twice {
			wrong = append(wrong, Wrong{what: isTwice, with: []any{w.name}})
		}
		given[w.name] = w.text
	}
	var open []Argument
	for _, a := range s.arguments {
		if _, ok := given[a.Name]; !ok {
			open = append(open, a)
		}
	}
	for i, a := range open {
		if len(loose) == 0 {
			break
		}
		last := i == len(open)-1 || a.Required && !open[i+1].Required
		if last && a.free() && !loose[0].quoted && len(loose) > 1 {
			given[a.Name], loose = rest(text, words, loose), nil
			break
		}
		given[a.Name], loose = loose[0].text, loose[1:]
	}
	for _, w := range loose {
		wrong = append(wrong, Wrong{what: isTooMuch, with: []any{shorten(w.text)}})
	}
	return given, wrong
}

// rest joins words as they were written, unless named ones stand between them.
func rest(text string, all, loose []word) string {
	from, to := loose[0].from, loose[len(loose)-1].to
	between := func(w word) bool { return w.name != "" && w.from > from && w.from < to }
	if !slices.ContainsFunc(all, between) {
		return text[from:to]
	}
	parts := make([]string, len(loose))
	for i, w := range loose {
		parts[i] = w.text
	}
	return strings.Join(parts, " ")
}

// free tells whether an argument is any text.
func (a Argument) free() bool { return a.Kind == String && len(a.Choices) == 0 }

// The words for yes and no.
var yes, no = []string{"true", "yes", "on", "1", "ja"}, []string{"false", "no", "off", "0", "nein"}

// value reads what an argument was given.
func (a Argument) value(text string) (any, *Wrong) {
	var value any
	var ok bool
	switch a.Kind {
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		value, ok = n, err == nil
	case Number:
		f, err := strconv.ParseFloat(text, 64)
		value, ok = f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	case Boolean:
		word := strings.ToLower(text)
		value = slices.Contains(yes, word)
		ok = value == true || slices.Contains(no, word)
	default:
		value, ok = text, true
		for _, c := range a.Choices {
			if strings.EqualFold(c, text) {
				value = c
			}
		}
	}
	if ok && a.rule.Validate(value) == nil {
		return value, nil
	}
	return nil, &Wrong{what: mustBe, with: []any{a.Name, shorten(text)}, bounds: &a}
}

const maxShown = 40

// shorten bounds what is repeated of a wrong word.
func shorten(text string) string {
	if utf8.RuneCountInString(text) > maxShown {
		return string([]rune(text)[:maxShown]) + "…"
	}
	return text
}

// word is one word behind a command.
type word struct {
	// name is the argument it is for; empty where it does not say.
	name   string
	text   string
	quoted bool
	// from and to are where it stands.
	from, to int
}

// closers are the quotes that end what another one begins: straight ones, and those that
// keyboards make of them.
var closers = map[rune]string{'"': `"`, '\'': "'", '“': "”“\"", '„': "“”\"", '«': "»", '‘': "’", '‚': "‘’"}

// split takes a text apart. Names are told by has.
func split(text string, has func(string) bool) []word {
	var out []word
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		w := word{from: at}
		if name, _, ok := strings.Cut(text[at:], "="); ok && has(strings.ToLower(name)) {
			w.name = strings.ToLower(name)
			at += len(name) + 1
		}
		w.text, w.quoted, at = take(text, at)
		w.to = at
		out = append(out, w)
	}
	return out
}

// take reads one value. A quote that nothing ends is a letter like others.
func take(text string, at int) (value string, quoted bool, end int) {
	r, size := utf8.DecodeRuneInString(text[at:])
	if ends := closers[r]; at < len(text) && ends != "" {
		if value, end, ok := unquote(text, at+size, ends); ok {
			return value, true, end
		}
	}
	end = at
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if unicode.IsSpace(r) {
			break
		}
		end += size
	}
	return text[at:end], false, end
}

// unquote reads up to the closing quote, behind which a word ends. A backslash keeps a
// quote or another backslash.
func unquote(text string, at int, ends string) (value string, end int, ok bool) {
	var b strings.Builder
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		next, nextSize := utf8.DecodeRuneInString(text[at+size:])
		switch {
		case r == '\\' && nextSize > 0 && (next == '\\' || strings.ContainsRune(ends, next)):
			b.WriteRune(next)
			at += size + nextSize
			continue
		case strings.ContainsRune(ends, r) && (nextSize == 0 || unicode.IsSpace(next)):
			return b.String(), at + size, true
		}
		b.WriteString(text[at : at+size])
		at += size
	}
	return "", 0, false
}
