package cache

import (
	"crypto/sha256"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vectors do not tell "enable" from "disable", nor 20 from 200. So two questions are
// the same only when they have the same words in the same order, but for a few that
// change nothing: every other word may turn a question around. "My" is not "your", and
// "from" is not "to".

// sames are other words for the same, in this order.
var sames = [][2]string{
	{"can't", "can not"}, {"cannot", "can not"}, {"won't", "will not"}, {"shan't", "shall not"},
	{"i'm", "i am"}, {"let's", "let us"}, {"what's", "what is"}, {"where's", "where is"}, {"who's", "who is"},
	{"how can i", "how"}, {"how do i", "how"}, {"how could i", "how"}, {"how to", "how"},
	{"turn on", "enable"}, {"switch on", "enable"}, {"turn off", "disable"}, {"switch off", "disable"},
	{"log in", "login"}, {"sign in", "login"}, {"log out", "logout"}, {"sign out", "logout"},
	{"the", ""}, {"e-mail", "email"},
}

// openings are polite, and nothing else.
var openings = []string{"could you please", "can you please", "please"}

// asks begin a question even without its mark.
var asks = []string{"how", "what", "who", "when", "where", "why", "which", "whose"}

// aboutWords are in questions about words: for these no word is as good as another.
var aboutWords = []string{
	"mean", "say", "translat", "spell", "word", "synonym", "antonym", "pronounc", "conjugat", "plural", "singular", "defin",
	"rhym", "phras", "letter", "spelt", "grammar", "vocab", "call", "name", "titl", "quot", "writ", "count",
}

// meaning is what two questions that are the same have in common.
type meaning struct {
	words []string
	asks  bool
}

// sense stands for a meaning: in it no word can be read.
type sense [16]byte

func (m meaning) sense() sense {
	f := form{sha256.New()}
	f.number(schema)
	f.flag(m.asks)
	f.number(int64(len(m.words)))
	f.text(m.words...)
	return sense(f.h.Sum(nil)[:len(sense{})])
}

// read gives the meaning of a text.
func read(text string) meaning {
	words := split(strings.ReplaceAll(text, "’", "'"))
	m := meaning{words: words, asks: strings.ContainsAny(text, "?？؟") || len(words) > 0 && slices.Contains(asks, strings.TrimSuffix(words[0], "'s"))}
	if slices.ContainsFunc(words, isAboutWords) {
		return m
	}
	line := " " + strings.Join(words, " ") + " "
	for _, o := range openings {
		line = " " + strings.TrimPrefix(line, " "+o+" ")
		line = " " + strings.TrimLeft(line, " ")
	}
	for _, same := range sames {
		line = strings.ReplaceAll(line, " "+same[0]+" ", strings.Replace(" "+same[1]+" ", "  ", " ", 1))
	}
	m.words = nil
	for i, w := range strings.Fields(line) {
		if before, not := strings.CutSuffix(w, "n't"); not {
			m.words = append(m.words, before, "not")
			continue
		}
		// "Do you open", "when does it open".
		if i > 1 || w != "do" && w != "does" {
			m.words = append(m.words, w)
		}
	}
	return m
}

func isAboutWords(w string) bool {
	w = strings.ToLower(w)
	return slices.ContainsFunc(aboutWords, func(about string) bool { return strings.HasPrefix(w, about) })
}

// split gives the words of a text, and the signs that mean something. The first word
// of a sentence is in lower case; elsewhere capitals tell names, so they stay.
func split(text string) []string {
	var words []string
	begins := true
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case unicode.IsSpace(r):
		case isWord(r) || r == '-' && len(text) > 1 && isDigit(text[1]):
			size = wordLen(text, size)
			w := text[:size]
			if w == "I" || begins && (len(w) == 1 || len(w) > 5 || w != strings.ToUpper(w)) {
				w = lowerFirst(w)
			}
			words = append(words, w)
			begins = false
		case strings.ContainsRune(".!?？؟。", r):
			begins = true
		case strings.ContainsRune(",;:'\"“”„«»-–—", r):
		default:
			words = append(words, text[:size])
		}
		text = text[size:]
	}
	return words
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

// wordLen is how long the word at the beginning of text is; its first rune has size. A
// sign between letters or digits belongs to it, as in 1.5, don't and 2026-11-21.
func wordLen(text string, size int) int {
	for size < len(text) {
		r, n := utf8.DecodeRuneInString(text[size:])
		if !isWord(r) {
			after, _ := utf8.DecodeRuneInString(text[size+n:])
			if !strings.ContainsRune(".,:'-/_@", r) || !isWord(after) {
				return size
			}
		}
		size += n
	}
	return size
}

func lowerFirst(w string) string {
	if len(w) > 1 && w == strings.ToUpper(w) {
		return strings.ToLower(w)
	}
	r, n := utf8.DecodeRuneInString(w)
	return string(unicode.ToLower(r)) + w[n:]
}
