package answers

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
)

// message is one of a prompt.
type message struct{ role, text string }

func prompt(messages []message) (out []models.Message) {
	for _, m := range messages {
		out = append(out, models.Message{Role: models.Role(m.role), Text: m.text})
	}
	return out
}

// sample is an answer to a person's question.
func sample(person, turn, take int) script {
	return script{question: question{person, turn}, version: "blue", take: take, words: 30, turns: turn}
}

// TestReading proves that the test sees what it looks for: each way in which an answer can
// be broken.
func TestReading(t *testing.T) {
	one, two := sample(3, 2, 17).text(), sample(3, 2, 18).text()
	for n := range one {
		r, err := read(one[:n])
		if err != nil || r.whole || r.known && r.question != (question{3, 2}) {
			t.Fatalf("the first %d bytes: %+v, %v", n, r, err)
		}
	}
	if r, err := read(one); err != nil || !r.whole || r.script != sample(3, 2, 17) {
		t.Fatalf("whole: %+v, %v", r, err)
	}
	words := strings.Fields(one)
	at := func(i int, put ...string) string {
		return strings.Join(slices.Concat(words[:i], put, words[i+len(put):]), " ")
	}
	half := len(one) / 2
	for what, text := range map[string]string{
		"a hole":                  strings.Join(slices.Delete(slices.Clone(words), 20, 22), " "),
		"a hole at the end":       strings.Join(slices.Delete(slices.Clone(words), len(words)-3, len(words)-1), " "),
		"a repeat":                one[:half] + one[half-9:],
		"said again from the top": one[:half] + one,
		"two takes mixed":         one[:half] + two[half:],
		"words out of order":      at(20, words[21], words[20]),
		"another's words":         at(20, strings.Fields(sample(4, 2, 17).text())[20]),
		"something behind":        one + " w1",
		"a wrong sum":             at(len(words)-1, "aaaa"),
		"no head":                 one[20:],
		"a cut inside":            one[:half] + " " + one[half+3:],
	} {
		if r, err := read(text); err == nil {
			t.Errorf("%s is taken for %+v: %.100q", what, r, text)
		}
	}
}

// TestReview does the same for what stands in a chat.
func TestReview(t *testing.T) {
	const broke, again = "The answer broke off. (0a1b2c3d)", "The model is not reachable right now. (4e5f6g7h)"
	whole := func(turn int) string { return sample(3, turn, 10+turn).text() }
	part := func(turn int) string { return whole(turn)[:90+turn] }
	piece := func(from, to int) string {
		words := strings.Fields(whole(0))
		return strings.Join(words[from:min(to, len(words))], " ")
	}
	for what, c := range map[string]struct {
		texts []string
		want  verdict
		fates int
	}{
		"answers":                        {[]string{whole(0), whole(1)}, verdict{}, 2},
		"an answer in three messages":    {[]string{piece(0, 25), piece(25, 30), piece(30, 99), whole(1)}, verdict{}, 2},
		"a message missing":              {[]string{piece(0, 25), piece(30, 99)}, verdict{broken: 1}, 0},
		"the last message missing":       {[]string{piece(0, 25), piece(25, 30)}, verdict{incomplete: 1}, 0},
		"a note":                         {[]string{whole(0), again, whole(2)}, verdict{}, 3},
		"a part that is told":            {[]string{part(0), broke, whole(1)}, verdict{}, 2},
		"a part with a note of its own":  {[]string{part(0) + "\n\n(The answer broke off.)", whole(1)}, verdict{}, 2},
		"a part with other words":        {[]string{part(0) + "\n\n(The end.)"}, verdict{incomplete: 1}, 0},
		"a part with a note behind it":   {[]string{part(0), "(The answer broke off here.)", whole(1)}, verdict{}, 2},
		"a part that is all":             {[]string{whole(0), part(1)}, verdict{incomplete: 1}, 1},
		"a part, and the next answer":    {[]string{part(0), whole(1)}, verdict{incomplete: 1}, 2},
		"a part, and then the whole":     {[]string{part(0), whole(0)}, verdict{stray: 1}, 1},
		"a part behind the whole":        {[]string{whole(0), part(0), whole(1)}, verdict{stray: 1}, 2},
		"twice":                          {[]string{whole(0), whole(0)}, verdict{doubled: 1}, 1},
		"twice, in other words":          {[]string{whole(0), sample(3, 0, 99).text()}, verdict{doubled: 1}, 1},
		"a note twice":                   {[]string{broke, broke}, verdict{doubled: 1}, 1},
		"an answer behind its note":      {[]string{broke, whole(0)}, verdict{doubled: 1}, 1},
		"another's":                      {[]string{sample(4, 0, 1).text()}, verdict{broken: 1}, 0},
		"out of order":                   {[]string{whole(1), whole(0)}, verdict{doubled: 1, disordered: 1}, 2},
		"a beginning of which is little": {[]string{"Reply to", broke}, verdict{}, 1},
		"nonsense":                       {[]string{"ok"}, verdict{broken: 1}, 0},
	} {
		fates, v, _ := review(3, c.texts)
		c.want.seen = v.seen
		if v != c.want || len(fates) != c.fates {
			t.Errorf("%s: %+v with %d fates, want %+v with %d", what, v, len(fates), c.want, c.fates)
		}
	}
}

// TestSeeing does the same for what is seen on the way.
func TestSeeing(t *testing.T) {
	text, other := sample(3, 0, 7).text(), sample(3, 0, 8).text()
	longest := sample(3, 0, 9)
	longest.words = 300
	long := longest.text()
	for what, c := range map[string]struct {
		texts []string
		bad   int
	}{
		"it grows":                    {[]string{text[:40], text[:90], text}, 0},
		"it is too long to grow":      {[]string{long[:2000], long[:1996] + "…"}, 0},
		"it begins again":             {[]string{text[:90], other[:60], other}, 0},
		"it goes back":                {[]string{text[:120], text[:90]}, 1},
		"it is nobody's":              {[]string{"ok"}, 1},
		"nobody asked yet":            {[]string{sample(3, 1, 9).text()[:90]}, 1},
		"it is somebody else's":       {[]string{sample(4, 0, 9).text()[:90]}, 1},
		"two takes":                   {[]string{text[:90] + other[90:]}, 1},
		"a failure stands in the way": {[]string{text[:90], "The answer broke off. (0a1b2c3d)"}, 0},
	} {
		chat := newChat(3)
		chat.ask()
		for _, s := range c.texts {
			chat.see(sight{3, "m", s})
		}
		if chat.v.bad() != c.bad {
			t.Errorf("%s: %d wrong, want %d: %q", what, chat.v.bad(), c.bad, chat.wrong)
		}
	}
}

// TestRecall does the same for what a worker is told.
func TestRecall(t *testing.T) {
	m := &model{}
	user := func(turn int) message { return message{"user", question{3, turn}.String()} }
	said := func(turn, take int) message { return message{"assistant", sample(3, turn, take).text()} }
	system := message{"system", "be kind"}
	for what, c := range map[string]struct {
		prompt []message
		ok     bool
	}{
		"the first":           {[]message{system, user(0)}, true},
		"with what was said":  {[]message{system, user(0), said(0, 1), user(1), said(1, 2), user(2)}, true},
		"with a turn missing": {[]message{system, user(0), said(0, 1), user(2)}, true},                         // judged beside the fates
		"with half an answer": {[]message{user(0), {"assistant", sample(3, 0, 1).text()[:90]}, user(1)}, true}, // so is this
		"with a hole":         {[]message{user(0), {"assistant", sample(3, 0, 1).text()[:90] + sample(3, 0, 1).text()[100:]}, user(1)}, false},
		"out of order":        {[]message{user(1), said(1, 2), user(0), said(0, 1), user(2)}, false},
		"another's":           {[]message{user(0), {"assistant", sample(4, 0, 1).text()}, user(1)}, false},
		"two questions":       {[]message{user(0), user(1)}, false},
		"no question":         {[]message{user(0), said(0, 1)}, false},
	} {
		if _, _, err := recall(prompt(c.prompt)); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	answer := m.answer("w", "blue", prompt([]message{user(0)}))
	for n := 1; n < len(answer); n++ {
		begun := strings.TrimRight(answer[:n], " ")
		if got := begun + m.goOn("blue", prompt([]message{user(0), {"assistant", begun}})); got != answer {
			t.Fatalf("behind %q it goes on to %q", begun, got)
		}
	}
	if len(m.complaints()) > 0 {
		t.Errorf("complaints: %q", m.complaints())
	}
	m.goOn("blue", prompt([]message{user(0), {"assistant", "Reply from"}}))
	m.goOn("green", prompt([]message{user(0), {"assistant", "Reply to"}}))
	if n := len(m.complaints()); n != 2 {
		t.Errorf("%d complaints, want 2: %q", n, m.complaints())
	}
}
