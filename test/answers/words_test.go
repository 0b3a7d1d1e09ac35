package answers

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
)

// question names what somebody said: the i-th of a person.
type question struct{ person, turn int }

func (q question) String() string { return fmt.Sprintf("c%d.%d", q.person, q.turn) }

var questioned = regexp.MustCompile(`^c(\d+)\.(\d+)$`)

func readQuestion(text string) (q question, ok bool) {
	m := questioned.FindStringSubmatch(text)
	if m == nil {
		return q, false
	}
	return question{number(m[1]), number(m[2])}, true
}

// script is what one generated answer is made from. Its words follow from it, each from
// its number and all that is in the script, and its last word from all words: of two
// answers no piece of one fits into the other.
type script struct {
	question
	// version is the model's, take counts all answers that were begun: the same question
	// is answered in other words each time.
	version string
	take    int
	words   int
	// turns are those that the prompt held before the question.
	turns int
}

func (s script) head() string {
	return fmt.Sprintf("Reply to %s by %s take %d of %d words after %d turns:", s.question, s.version, s.take, s.words, s.turns)
}

var headed = regexp.MustCompile(`^Reply to c(\d+)\.(\d+) by (\w+) take (\d+) of (\d+) words after (\d+) turns:`)

// text is the whole answer.
func (s script) text() string {
	var b strings.Builder
	head := s.head()
	b.WriteString(head)
	for i := range s.words {
		fmt.Fprintf(&b, " w%d%s", i, sum(head, i))
	}
	fmt.Fprintf(&b, " sum %s", sum(b.String(), s.words))
	return b.String()
}

// sum is four letters that depend on everything.
func sum(text string, n int) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, n, text)
	v := h.Sum32()
	letters := make([]byte, 4)
	for i := range letters {
		letters[i] = 'a' + byte(v%26)
		v /= 26
	}
	return string(letters)
}

// reading is what a text is that a person sees as an answer.
type reading struct {
	script
	// known is false when too little of it is there to tell which answer it is.
	known bool
	whole bool
	// shown is how much of it is there, in bytes.
	shown int
}

// read tells what answer a text is, or the beginning of; an error says how it is neither.
func read(text string) (reading, error) {
	m := headed.FindStringSubmatch(text)
	if m == nil {
		return readHead(text)
	}
	s := script{question: question{number(m[1]), number(m[2])}, version: m[3], take: number(m[4]), words: number(m[5]), turns: number(m[6])}
	r := reading{script: s, known: true, shown: len(text)}
	full := s.text()
	switch {
	case text == full:
		r.whole = true
	case !strings.HasPrefix(full, text):
		at := 0
		for at < len(text) && at < len(full) && text[at] == full[at] {
			at++
		}
		return r, fmt.Errorf("behind byte %d comes %.60q instead of %.60q", at, text[at:], full[at:])
	}
	return r, nil
}

var (
	literal = regexp.MustCompile(`^(?:Reply|to|by|take|of|words|after|turns:?)$`)
	begins  = strings.Fields("Reply to * by * take * of * words after * turns:")
)

// readHead reads a text that ends within the head of an answer.
func readHead(text string) (reading, error) {
	words := strings.Split(text, " ")
	for i, w := range words {
		last := i == len(words)-1
		if i >= len(begins) {
			return reading{}, fmt.Errorf("no head of an answer: %.80q", text)
		}
		want := begins[i]
		switch {
		case want == "*" && (w == "" && !last || literal.MatchString(w)), want != "*" && w != want && (!last || !strings.HasPrefix(want, w)):
			return reading{}, fmt.Errorf("no head of an answer: %.80q", text)
		}
	}
	r := reading{shown: len(text)}
	if len(words) > 3 { // the question is whole
		q, ok := readQuestion(words[2])
		if !ok {
			return r, fmt.Errorf("an answer to nothing: %.80q", text)
		}
		r.question, r.known = q, true
	}
	return r, nil
}

// pieces are messages that go on where the one before ended.
var pieces = regexp.MustCompile(`^(?:w\d+[a-z]{4}|sum [a-z]{4})(?: |$)`)

// join puts answers together that came in several messages, and notes to what they stand
// behind.
func join(texts []string) []string {
	var out []string
	for _, text := range texts {
		switch {
		case len(out) > 0 && pieces.MatchString(text):
			out[len(out)-1] += " " + text
		case len(out) > 0 && strings.HasPrefix(text, "("):
			out[len(out)-1] += "\n" + text
		default:
			out = append(out, text)
		}
	}
	return out
}

// note is what the hub itself tells somebody, in the place of an answer or behind one.
type note struct {
	words string
	// ref is the reference that the log has too; empty where there is none.
	ref string
}

var noted = regexp.MustCompile(`^([A-Z][^\n]*[.!])(?: \(([0-9a-z]{8})\))?$`)

// brokeOff is what every note says that stands behind a part of an answer.
const brokeOff = "broke off"

// readNote reads a message that the hub wrote by itself.
func readNote(text string) (note, bool) {
	m := noted.FindStringSubmatch(text)
	if m == nil || strings.HasPrefix(text, begins[0]+" ") {
		return note{}, false
	}
	return note{m[1], m[2]}, true
}

// split parts an answer from a note of the hub that stands behind it in the same message.
func split(text string) (answer, behind string) {
	answer, behind, _ = strings.Cut(text, "\n")
	return strings.TrimRight(answer, " "), strings.Trim(behind, "\n ()")
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		panic(err) // only digits are matched
	}
	return n
}
