package cache

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// teller answers with who asked what, and how often it was asked; or with script.
type teller struct {
	takes  time.Duration
	script []models.Delta
	err    error

	mu        sync.Mutex
	asked     []models.Request
	cancelled int
}

func (w *teller) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		w.mu.Lock()
		w.asked = append(w.asked, r)
		n := len(w.asked)
		script, err := w.script, w.err
		w.mu.Unlock()
		if script == nil {
			said := fmt.Sprintf("%s %s: %s (%d)", r.For.Account, r.For.Person, r.Messages[len(r.Messages)-1].Text, n)
			for _, word := range strings.SplitAfter(said, " ") {
				script = append(script, models.Delta{Text: word})
			}
			script = append(script, models.Delta{Finish: models.FinishStop, Usage: &models.Usage{Prompt: 10, Completion: 5}, Model: "tiny", Worker: "w"})
		}
		for _, d := range script {
			select {
			case <-time.After(w.takes):
			case <-ctx.Done():
				w.mu.Lock()
				w.cancelled++
				w.mu.Unlock()
				yield(models.Delta{}, fault.New(fault.Retryable, "chat", ctx.Err()))
				return
			}
			if !yield(d, nil) {
				return
			}
		}
		if err != nil {
			yield(models.Delta{}, err)
		}
	}
}

func (w *teller) calls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func (w *teller) set(script []models.Delta, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script, w.err = script, err
}

// question is one at temperature 0.
func question(person, text string) models.Request {
	zero := 0.0
	return models.Request{
		Model:    "tiny",
		Messages: []models.Message{{Role: models.System, Text: "You are kind."}, {Role: models.User, Text: text}},
		Sampling: models.Sampling{Temperature: &zero},
		For:      models.Payer{Account: "bot", Person: person, Skill: "chat"},
	}
}

// said is what came of a request.
type said struct {
	text   string
	last   models.Delta
	pieces int
	err    error
}

func hear(ctx context.Context, c models.Client, r models.Request) said {
	var s said
	for d, err := range c.Chat(ctx, r) {
		if err != nil {
			s.err = err
			break
		}
		if d.Reset {
			s.text = ""
		}
		s.text += d.Text
		s.pieces++
		s.last = d
	}
	return s
}

// node is a process that shares a remote with others.
func node(w models.Client, m *remote) (*Generations, *Cache) {
	g := NewGenerations(m, zerolog.Nop())
	return g, New(Options{Client: w, Generations: g, Share: true})
}

// remote is a Remote in the process, which can be away, and far away.
type remote struct {
	takes time.Duration

	mu         sync.Mutex
	kept       map[string]kept
	series     map[string][]kept
	err        error
	gets, puts int
	// reads and adds are calls about series, told what reads told of.
	reads, adds, told int
}

type kept struct {
	value []byte
	until time.Time
}

func newRemote() *remote { return &remote{kept: map[string]kept{}, series: map[string][]kept{}} }

var errGone = fault.New(fault.Retryable, "redis", errors.New("gone"))

func (m *remote) Recall(_ context.Context, keys ...string) ([][]byte, error) {
	time.Sleep(m.takes / 2)
	defer time.Sleep(m.takes / 2)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if k, ok := m.kept[key]; ok && !time.Now().After(k.until) {
			values[i] = k.value
		}
	}
	return values, m.err
}

func (m *remote) Keep(_ context.Context, key string, value []byte, ttl time.Duration) error {
	time.Sleep(m.takes / 2)
	defer time.Sleep(m.takes / 2)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if m.err == nil {
		m.kept[key] = kept{value, time.Now().Add(ttl)}
	}
	return m.err
}

// Append numbers the values of a series.
func (m *remote) Append(_ context.Context, series string, value []byte, ttl time.Duration) (before, at string, err error) {
	time.Sleep(m.takes / 2)
	defer time.Sleep(m.takes / 2)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.adds++
	if m.err != nil {
		return "", "", m.err
	}
	if n := len(m.series[series]); n > 0 {
		before = strconv.Itoa(n)
	}
	m.series[series] = append(m.series[series], kept{value, time.Now().Add(ttl)})
	return before, strconv.Itoa(len(m.series[series])), nil
}

func (m *remote) Since(_ context.Context, series, after string, tell func(at string, value []byte, left time.Duration)) error {
	time.Sleep(m.takes / 2)
	defer time.Sleep(m.takes / 2)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.err != nil {
		return m.err
	}
	for i, k := range m.series[series] {
		at, _ := strconv.Atoi(after) // 0 for the empty one
		if left := time.Until(k.until); i >= at && left > 0 {
			m.told++
			tell(strconv.Itoa(i+1), k.value, left)
		}
	}
	return nil
}

func (m *remote) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}
