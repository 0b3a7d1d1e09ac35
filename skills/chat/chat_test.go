package chat_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

// scripted answers each request with the same deltas, then with err if there is one.
type scripted struct {
	deltas []models.Delta
	err    error

	mu       sync.Mutex
	requests []models.Request
}

func (s *scripted) Chat(_ context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	return func(yield func(models.Delta, error) bool) {
		for _, d := range s.deltas {
			if !yield(d, nil) {
				return
			}
		}
		if s.err != nil {
			yield(models.Delta{}, s.err)
		}
	}
}

func (s *scripted) last(t *testing.T) models.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("the model was not asked")
	}
	return s.requests[len(s.requests)-1]
}

// Sees is true of the pool that is named so.
func (p pools) Sees(name string) bool { return name == "seeing" }

// Calls is true of all but the one that is named so.
func (p pools) Calls(name string) bool { return name != "plain" }

// says answers with the words, one delta each, and ends well.
func says(words ...string) *scripted {
	s := &scripted{}
	for _, w := range words {
		s.deltas = append(s.deltas, models.Delta{Text: w})
	}
	s.deltas = append(s.deltas, models.Delta{Finish: models.FinishStop, Version: "blue", Model: "m-1"})
	return s
}

// slow says a word, then waits for the end of its context.
type slow struct{ working chan struct{} }

func (s slow) Chat(ctx context.Context, _ models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		if !yield(models.Delta{Text: "well"}, nil) {
			return
		}
		close(s.working)
		<-ctx.Done()
		yield(models.Delta{}, ctx.Err())
	}
}

// pools is Models by name; the empty one is the default.
type pools map[string]models.Client

func (p pools) Choose(w models.Wish) (models.Choice, bool) {
	named := map[string]models.Client{}
	for name, c := range p {
		if name == "" {
			name = "default"
		}
		named[name] = c
	}
	return models.NewRegistry("default", named).Choose(w)
}

func with(c models.Client) *chat.Skill {
	return chat.New(chat.Options{Models: pools{"": c}, Prompt: "Be kind."})
}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{
		New:        func(*testing.T) skills.Skill { return with(says("Hello", " there")) },
		NewFailing: func(*testing.T) skills.Skill { return with(&scripted{err: errors.New("broken")}) },
		NewSlow: func(*testing.T) (skills.Skill, <-chan struct{}) {
			working := make(chan struct{})
			return with(slow{working}), working
		},
	})
}

func TestAnswer(t *testing.T) {
	model := says("Hel", "lo **you**", "\n")
	turn := skilltest.NewTurn(skilltest.TurnOptions{Text: "hi"})
	var w skilltest.RecordingWriter
	if err := with(model).Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	md := func(s string) []core.Part { return []core.Part{core.Text{Text: s, Format: core.Markdown}} }
	if diff := cmp.Diff([][]core.Part{md("Hello **you**")}, w.Replies()); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]core.Part{nil, md("Hel"), md("Hello **you**"), md("Hello **you**\n")}, w.Drafts()); diff != "" {
		t.Errorf("drafts (-want +got):\n%s", diff)
	}
	history, err := turn.Session.History()
	if err != nil {
		t.Fatal(err)
	}
	want := []session.Turn{{ID: turn.ID, At: turn.Now, Said: []session.Line{{Text: "hi"}}, Answer: "Hello **you**", Tokens: 4 + 1 + 4 + 4, Via: "account",
		By: session.By{Pool: "default", Version: "blue", Model: "m-1"}}}
	if diff := cmp.Diff(want, history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestResetBeginsAgain(t *testing.T) {
	model := &scripted{deltas: []models.Delta{{Text: "wro"}, {Reset: true}, {Text: "right", Finish: models.FinishStop}}}
	var w skilltest.RecordingWriter
	if err := with(model).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &w); err != nil {
		t.Fatal(err)
	}
	if got := w.Text(); got != "right" {
		t.Errorf("reply %q, want %q", got, "right")
	}
}

func TestShownIsWhatTheWriterSays(t *testing.T) {
	model := says("words")
	var w skilltest.RecordingWriter
	before, after := true, false
	w.OnDraft = func(parts []core.Part) {
		if len(parts) == 0 {
			return
		}
		after = model.last(t).Shown()
	}
	client := observed{model, func(r models.Request) { before = r.Shown() }}
	if err := with(client).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &w); err != nil {
		t.Fatal(err)
	}
	if before || !after || !model.last(t).Restart {
		t.Errorf("Shown was %t before the first words and %t behind them, Restart %t", before, after, model.last(t).Restart)
	}
}

// TestBrokeOffForGood: only the last run keeps what was said, and says so.
func TestBrokeOffForGood(t *testing.T) {
	broken := fault.New(fault.Retryable, "pool", errors.New("cut"))
	const note = "(The answer broke off here: the model failed. Write \"go on\" to get more.)"
	for name, c := range map[string]struct {
		last bool
		said string
		err  error
		want string
	}{
		"last run":        {true, "Once upon", broken, "Once upon\n" + note},
		"another follows": {false, "Once upon", broken, ""},
		"nothing said":    {true, "", broken, ""},
		"a human's":       {true, "Once upon", fault.New(fault.NeedsHuman, "pool", errors.New("key")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			turn := skilltest.NewTurn(skilltest.TurnOptions{Attempt: 4})
			turn.Last = c.last
			var w skilltest.RecordingWriter
			err := with(&scripted{deltas: []models.Delta{{Text: c.said}}, err: c.err}).Handle(t.Context(), turn, &w)
			if got := w.Text(); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("it said %q and failed with %v, want %q", got, err, c.want)
			}
			history, err := turn.Session.History()
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" && (len(history) != 1 || history[0].Answer != "Once upon") {
				t.Errorf("it remembers %+v", history)
			}
		})
	}
}

// observed tells of each request before it is answered.
type observed struct {
	models.Client
	tell func(models.Request)
}

func (o observed) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	o.tell(r)
	return o.Client.Chat(ctx, r)
}

func TestEndings(t *testing.T) {
	unwhole := errors.New("worker went away")
	for name, c := range map[string]struct {
		deltas     []models.Delta
		err        error
		language   string
		want       string
		class      fault.Class
		remembered bool
	}{
		"length": {
			deltas: []models.Delta{{Text: "Once upon"}, {Finish: models.FinishLength}}, remembered: true,
			want: "Once upon\n(The answer was cut: it reached the length limit. Write \"go on\" to get more.)",
		},
		"filter": {
			deltas: []models.Delta{{Text: "So"}, {Finish: models.FinishFilter}}, remembered: true, language: "de-AT",
			want: "So\n(Der Inhaltsfilter des Modells hat diese Antwort angehalten.)",
		},
		"filter at once": {
			deltas: []models.Delta{{Finish: models.FinishFilter}},
			want:   "(The model's content filter stopped this answer.)",
		},
		"empty": {
			deltas: []models.Delta{{Text: " \n"}, {Finish: models.FinishStop}},
			want:   "The model gave no answer. Please try again or put it differently.",
		},
		"too much": {
			deltas: []models.Delta{{Text: strings.Repeat("a", 300<<10)}, {Text: "never read"}}, remembered: true,
			want: strings.Repeat("a", 300<<10) + "\n(The answer was cut: it reached the length limit. Write \"go on\" to get more.)",
		},
		"no finish": {deltas: []models.Delta{{Text: "Half an"}}, class: fault.Retryable},
		"fault":     {err: fault.New(fault.NeedsHuman, "chat", unwhole), class: fault.NeedsHuman},
		"fault in the middle": {
			deltas: []models.Delta{{Text: "Half"}}, err: fault.New(fault.Permanent, "chat", unwhole), class: fault.Permanent,
		},
	} {
		t.Run(name, func(t *testing.T) {
			turn := skilltest.NewTurn(skilltest.TurnOptions{Language: c.language})
			var w skilltest.RecordingWriter
			err := with(&scripted{deltas: c.deltas, err: c.err}).Handle(t.Context(), turn, &w)
			if got := fault.ClassOf(err); got != c.class {
				t.Fatalf("class %v of %v, want %v", got, err, c.class)
			}
			if c.err != nil && !errors.Is(err, unwhole) {
				t.Errorf("the fault was not handed on: %v", err)
			}
			if got := w.Text(); got != c.want {
				t.Errorf("reply %q, want %q", got, c.want)
			}
			if got := len(turn.Session.Changes().Append) == 1; got != c.remembered {
				t.Errorf("remembered: %t, want %t", got, c.remembered)
			}
		})
	}
}

func TestModelChoice(t *testing.T) {
	for name, c := range map[string]struct{ route, chosen, want string }{
		"default":                {"", "", "default"},
		"conversation":           {"", "big", "big"},
		"route over all":         {"small", "big", "small"},
		"choice no longer there": {"", "gone", "default"},
		"route to nowhere":       {"gone", "big", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := chat.New(chat.Options{Models: pools{"": says("default"), "big": says("big"), "small": says("small")}})
			turn := skilltest.NewTurn(skilltest.TurnOptions{Model: c.route})
			turn.Role = skills.Admin
			if c.chosen != "" {
				turn.Session.SetModel(c.chosen, string(skills.Admin))
			}
			var w skilltest.RecordingWriter
			err := s.Handle(t.Context(), turn, &w)
			if got := w.Text(); got != c.want {
				t.Errorf("answered by %q, want %q", got, c.want)
			}
			if c.want == "" && (fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "") {
				t.Errorf("fault %v of class %v, public %q", err, fault.ClassOf(err), fault.Public(err))
			}
		})
	}
}

func TestAffinityIsTheMemorys(t *testing.T) {
	model := says("ok")
	ask := func(o skilltest.TurnOptions) string {
		t.Helper()
		if err := with(model).Handle(t.Context(), skilltest.NewTurn(o), &skilltest.RecordingWriter{}); err != nil {
			t.Fatal(err)
		}
		return model.last(t).Affinity
	}
	anna := ask(skilltest.TurnOptions{ID: "1"})
	if again := ask(skilltest.TurnOptions{ID: "2"}); again != anna {
		t.Errorf("two turns of one person have affinities %q and %q", anna, again)
	}
	if bob := ask(skilltest.TurnOptions{Name: "Bob"}); bob == anna {
		t.Errorf("two people share the affinity %q", bob)
	}
	group := ask(skilltest.TurnOptions{Place: core.Group})
	if bob := ask(skilltest.TurnOptions{Place: core.Group, Name: "Bob"}); bob != group || bob == anna {
		t.Errorf("affinities in a group: %q and %q", group, bob)
	}
}

func TestTraceGoesAlong(t *testing.T) {
	model := says("ok")
	turn := skilltest.NewTurn(skilltest.TurnOptions{})
	turn.Envelope.Trace = "t1"
	if err := with(model).Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
		t.Fatal(err)
	}
	if got := model.last(t).Trace; got != "t1" {
		t.Errorf("trace %q", got)
	}
}

func TestRequestsSayWhoAsks(t *testing.T) {
	model := says("ok")
	turn := skilltest.NewTurn(skilltest.TurnOptions{})
	turn.Role = skills.Admin
	if err := with(model).Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
		t.Fatal(err)
	}
	want := models.Payer{Account: string(turn.Envelope.In.Account), Person: string(turn.Person), Role: "admin", Skill: "chat"}
	if got := model.last(t).For; got != want || got.Account == "" || got.Person == "" {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHistoryIsTrimmed(t *testing.T) {
	s := chat.New(chat.Options{Models: pools{"": says("ok")}, HistoryTokens: 100})
	turn := skilltest.NewTurn(skilltest.TurnOptions{Session: skilltest.NewSession(
		session.Turn{ID: "a", Answer: "old", Tokens: 60}, session.Turn{ID: "b", Answer: "new", Tokens: 60},
	)})
	if err := s.Handle(t.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
		t.Fatal(err)
	}
	if got := turn.Session.Changes().Trim; got != 1 {
		t.Errorf("%d turns were dropped, want 1", got)
	}
}

func TestUnreadableMemoryWaitsForAHuman(t *testing.T) {
	s, err := session.Load(nil, [][]byte{[]byte(`{"v":99}`)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var w skilltest.RecordingWriter
	err = with(says("ok")).Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Session: s}), &w)
	if fault.ClassOf(err) != fault.NeedsHuman || !errors.Is(err, session.ErrSchema) {
		t.Errorf("got %v of class %v", err, fault.ClassOf(err))
	}
}
