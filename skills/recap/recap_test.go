package recap_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/recap"
	"github.com/parley-hub/parley/skills/skilltest"
)

// model answers with what it was told last, or as its fields say.
type model struct {
	err     error
	empty   bool
	working chan struct{}
}

func (m model) Choose(models.Wish) (models.Choice, bool) { return models.Choice{Client: m}, true }

func (m model) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		switch {
		case m.working != nil:
			close(m.working)
			<-ctx.Done()
			yield(models.Delta{}, ctx.Err())
		case m.err != nil:
			yield(models.Delta{}, m.err)
		case m.empty:
			yield(models.Delta{Finish: models.FinishStop}, nil)
		default:
			_ = yield(models.Delta{Text: "wrong beginning"}, nil) &&
				yield(models.Delta{Reset: true, Text: "Summed up: "}, nil) &&
				yield(models.Delta{Text: r.Messages[1].Text, Finish: models.FinishStop}, nil)
		}
	}
}

func talk(turns int) *session.Session {
	var history []session.Turn
	for i := range turns {
		history = append(history, session.Turn{
			ID: core.EnvelopeID(fmt.Sprint(i)), Said: []session.Line{{Text: fmt.Sprint("question ", i)}}, Answer: fmt.Sprint("answer\n", i),
		})
	}
	return skilltest.NewSession(history...)
}

func TestSuite(t *testing.T) {
	for name, s := range map[string]skills.Skill{"with a model": recap.New(model{}), "without": recap.New(nil)} {
		t.Run(name, func(t *testing.T) {
			skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return s }})
		})
	}
}

func TestRecap(t *testing.T) {
	long := skilltest.NewSession(session.Turn{ID: "a", Said: []session.Line{{Name: "Bob", Text: strings.Repeat("ä", 500)}}})
	for name, c := range map[string]struct {
		skill    *recap.Skill
		session  *session.Session
		language string
		want     string
	}{
		"nothing":           {recap.New(model{}), talk(0), "", "We have not talked about anything yet."},
		"without a model":   {recap.New(nil), talk(1), "", "The last turns of our conversation (1 of 1 that I remember):\n\nYou: question 0\nMe: answer 0"},
		"with a model":      {recap.New(model{}), talk(1), "", "Summed up: Person: question 0\nBot: answer\n0"},
		"in German":         {recap.New(nil), talk(1), "de", "Das Letzte aus unserem Gespräch (1 von 1 Wortwechseln, an die ich mich erinnere):\n\nDu: question 0\nIch: answer 0"},
		"a group, cut":      {recap.New(nil), long, "", "The last turns of our conversation (1 of 1 that I remember):\n\nBob: " + strings.Repeat("ä", 199) + "…"},
		"a model fails":     {recap.New(model{err: fault.New(fault.Retryable, "x", errors.New("away"))}), talk(1), "", "No model could sum it up right now.\n\nThe last turns of our conversation (1 of 1 that I remember):\n\nYou: question 0\nMe: answer 0"},
		"a model is silent": {recap.New(model{empty: true}), talk(1), "de", "Gerade konnte kein Modell es zusammenfassen.\n\nDas Letzte aus unserem Gespräch (1 von 1 Wortwechseln, an die ich mich erinnere):\n\nDu: question 0\nIch: answer 0"},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "recap", Session: c.session, Language: c.language})
			if err := c.skill.Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if w.Text() != c.want {
				t.Errorf("%q, want %q", w.Text(), c.want)
			}
			if changes := turn.Session.Changes(); changes.Trim+len(changes.Append)+len(changes.Set) > 0 {
				t.Errorf("the recap became part of the conversation: %+v", changes)
			}
		})
	}
	var w skilltest.RecordingWriter
	if err := recap.New(nil).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Session: talk(9)}), &w); err != nil {
		t.Fatal(err)
	}
	if got := w.Text(); !strings.Contains(got, "(5 of 9") || strings.Contains(got, "question 3") || !strings.Contains(got, "question 4") {
		t.Errorf("%q", got)
	}
}

func TestCancelledWhileTheModelWorks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := model{working: make(chan struct{})}
	go func() { <-m.working; cancel() }()
	var w skilltest.RecordingWriter
	err := recap.New(m).Handle(ctx, skilltest.NewTurn(skilltest.TurnOptions{Session: talk(1)}), &w)
	if !errors.Is(err, context.Canceled) || len(w.Replies()) > 0 {
		t.Errorf("%v, %v", err, w.Replies())
	}
}

func TestUnreadableHistoryNeedsAHuman(t *testing.T) {
	s, err := session.Load(nil, [][]byte{[]byte("{")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = recap.New(nil).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Session: s}), &skilltest.RecordingWriter{})
	if fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("%v", err)
	}
}
