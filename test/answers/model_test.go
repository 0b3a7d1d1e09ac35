package answers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// remembered is a turn as a prompt holds it: who asked what, which take was answered, and
// how many bytes of it, since an answer that broke off may be remembered as far as it was
// said.
type remembered struct {
	question
	take, said int
}

// begun is one answer that a worker was asked for.
type begun struct {
	script
	worker string
	// before is what the prompt held.
	before []remembered
	// continued counts how often other workers took it up.
	continued int
}

// model is what all fake workers are: it makes answers whose every piece can be checked,
// and remembers which, and what it was told.
type model struct {
	mu    sync.Mutex
	takes []*begun
	// wrong are prompts and requests to go on that nobody should send.
	wrong []string
}

// start makes a worker of a version.
func (m *model) start(t *testing.T, name, version string, o modeltest.Options) *modeltest.Worker {
	o.Answer = func(prompt []models.Message) string { return m.answer(name, version, prompt) }
	o.Continue = func(prompt []models.Message) string { return m.goOn(version, prompt) }
	return modeltest.Start(t, o)
}

func (m *model) answer(worker, version string, prompt []models.Message) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	q, before, err := recall(prompt)
	if err != nil {
		// What warms a worker up is no conversation.
		if len(prompt) > 2 || strings.HasPrefix(prompt[len(prompt)-1].Text, "c") {
			m.wrong = append(m.wrong, err.Error())
		}
		return "ok"
	}
	take := len(m.takes) + 1
	// From 20 to 59 words; drawn by the take, so that no two runs of a turn are alike. Some
	// are longer than a message of Discord's may be.
	words := 20 + (take*7919)%40
	if take%10 == 0 {
		words += 200
	}
	s := script{question: q, version: version, take: take, words: words, turns: len(before)}
	m.takes = append(m.takes, &begun{script: s, worker: worker, before: before})
	return s.text()
}

// goOn takes up an answer that another worker began.
func (m *model) goOn(version string, prompt []models.Message) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(prompt) - 1
	said := prompt[last].Text
	q, _, err := recall(prompt[:last])
	if err != nil {
		m.wrong = append(m.wrong, err.Error())
	}
	// Too little may be said to tell which take it is of; then it was the last one.
	for _, b := range slices.Backward(m.takes) {
		if text := b.text(); b.question == q && b.version == version && strings.HasPrefix(text, said) {
			b.continued++
			return text[len(said):]
		}
	}
	m.wrong = append(m.wrong, fmt.Sprintf("%s is to go on behind what it never said: %.60q", version, said))
	return ""
}

// recall reads a prompt: the question and the turns before it.
func recall(prompt []models.Message) (q question, before []remembered, err error) {
	if len(prompt) > 0 && prompt[0].Role == models.System {
		prompt = prompt[1:]
	}
	last := len(prompt) - 1
	for i, m := range prompt {
		want := models.User
		if i%2 == 1 {
			want = models.Assistant
		}
		if m.Role != want {
			return q, nil, fmt.Errorf("message %d of a prompt is the %s's: %.60q", i, m.Role, m.Text)
		}
		if i%2 == 0 {
			next, ok := readQuestion(m.Text)
			if !ok || i > 0 && (next.person != q.person || next.turn <= q.turn) {
				return q, nil, fmt.Errorf("behind %s a prompt holds %.60q", q, m.Text)
			}
			q = next
			continue
		}
		r, err := read(m.Text)
		if err != nil {
			return q, nil, fmt.Errorf("a prompt holds as the answer to %s: %.60q: %w", q, m.Text, err)
		}
		if r.known && r.question != q {
			return q, nil, fmt.Errorf("a prompt holds as the answer to %s: %.60q", q, m.Text)
		}
		before = append(before, remembered{q, r.take, r.shown})
	}
	if last < 0 || last%2 == 1 {
		return q, nil, fmt.Errorf("a prompt ends with no question")
	}
	return q, before, nil
}

// of gives the takes of a question, and what was wrong with prompts so far.
func (m *model) of(q question) []begun {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []begun
	for _, b := range m.takes {
		if b.question == q {
			out = append(out, *b)
		}
	}
	return out
}

func (m *model) complaints() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.wrong...)
}
