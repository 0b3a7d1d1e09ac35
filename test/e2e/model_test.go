package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// model is the worker and what it was asked. It echoes what it was told last, until
// a test gives it other words or holds it.
type model struct {
	worker *modeltest.Worker

	mu    sync.Mutex
	asked [][]models.Message
	held  chan struct{}
}

func newModel(t *testing.T, o modeltest.Options) *model {
	m := &model{}
	answer := o.Answer
	if answer == nil {
		answer = func(prompt []models.Message) string { return "You said: " + prompt[len(prompt)-1].Text }
	}
	o.Answer = func(prompt []models.Message) string {
		m.mu.Lock()
		m.asked = append(m.asked, slices.Clone(prompt))
		held := m.held
		m.mu.Unlock()
		if held != nil {
			<-held
		}
		return answer(prompt)
	}
	if o.Key == "" {
		o.Key = key
	}
	m.worker = modeltest.Start(t, o)
	t.Cleanup(m.release)
	return m
}

// hold makes the model think until it is released.
func (m *model) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = make(chan struct{})
}

// release lets it answer, now and later.
func (m *model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		close(m.held)
		m.held = nil
	}
}

// prompts are all prompts so far.
func (m *model) prompts() [][]models.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

// heard is what the last prompt holds besides the system's words: "user: …" and
// "assistant: …".
func (m *model) heard() []string {
	all := m.prompts()
	if len(all) == 0 {
		return nil
	}
	var out []string
	for _, message := range all[len(all)-1] {
		if message.Role != models.System {
			out = append(out, string(message.Role)+": "+message.Text)
		}
	}
	return out
}

// last is what the model was told last.
func (m *model) last() string {
	heard := m.heard()
	if len(heard) == 0 {
		return ""
	}
	return strings.TrimPrefix(heard[len(heard)-1], "user: ")
}
