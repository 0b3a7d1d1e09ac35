package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

// risky asks for something harmless and something dangerous, then says how it went.
func risky() *player {
	asks := calls(call("rain", `{"city":"Rome"}`), call("wipe", `{"city":"Rome\nall: \u001b[1m","n":3}`))
	asks.Text = "I will wipe it."
	return plays(asks, models.Delta{Text: "Went so."})
}

const mayI = "May I do this for you?\n\nwipe – Help of wipe\n- city: Rome all: [1m\n- n: 3"

func TestConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(k *talk, w *skilltest.RecordingWriter) *skilltest.RecordingWriter
		made   string
		result string
		said   string
	}{
		"yes": {
			func(k *talk, w *skilltest.RecordingWriter) *skilltest.RecordingWriter { return k.press(w, 0, "") },
			"[rain wipe]", `wipe {"city"`, "[confirmed the call of wipe]",
		},
		"no": {
			func(k *talk, w *skilltest.RecordingWriter) *skilltest.RecordingWriter { return k.press(w, 1, "") },
			"[rain]", "Not called: the person was asked and does not want it.", "[did not want the call of wipe]",
		},
		"yes in words": {
			func(k *talk, _ *skilltest.RecordingWriter) *skilltest.RecordingWriter { return k.say(" Ja! ") },
			"[rain wipe]", `wipe {"city"`, "[confirmed the call of wipe]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			model := risky()
			k := newTalk(t, model)
			w := k.say("wipe it")
			if diff := cmp.Diff([]string{"I will wipe it.", mayI}, texts(w)); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if got := fmt.Sprint(k.tools.names()); got != "[rain]" {
				t.Errorf("called before: %s", got)
			}
			if w = c.answer(k, w); w.Text() != "Went so." {
				t.Errorf("answer %q", w.Text())
			}
			if got := fmt.Sprint(k.tools.names()); got != c.made {
				t.Errorf("called %s, want %s", got, c.made)
			}
			r := model.requests[1].Messages
			if r[1].Text != "wipe it" || r[1].Role != models.User || len(r) != 5 || !strings.HasPrefix(r[4].Text, c.result) || r[4].CallID != "wipe1" {
				t.Errorf("the model got %+v", r[1:])
			}
			h := k.history()
			if len(h) != 2 || len(h[0].Calls) != 1 || h[1].Said[0].Text != c.said || len(h[1].Calls) != 1 {
				t.Errorf("history %+v", h)
			}
			// The steps lie until the next turn.
			if w := k.say("thanks"); w.Text() != "Went so." || len(k.kept()) > 0 {
				t.Errorf("%q, %v is kept", w.Text(), k.kept())
			}
		})
	}
}

func texts(w *skilltest.RecordingWriter) (out []string) {
	for _, parts := range w.Replies() {
		out = append(out, core.JoinText(parts))
	}
	return out
}

// Anything but a yes of who was asked makes no call.
func TestNotConfirmed(t *testing.T) {
	t.Run("something else", func(t *testing.T) {
		model := risky()
		k := newTalk(t, model)
		k.say("wipe it")
		w := k.say("what is the time?")
		last := model.requests[1].Messages
		if w.Text() != "Went so." || last[len(last)-1].Text != "[does not want the call of wipe]\nwhat is the time?" {
			t.Errorf("%q after %+v", w.Text(), last)
		}
		if got := fmt.Sprint(k.tools.names()); got != "[rain]" {
			t.Errorf("called %s", got)
		}
	})
	group := skilltest.TurnOptions{Text: "wipe it", Place: core.Group}
	const over = "This question is over, or it was put to somebody else."
	for name, c := range map[string]struct {
		answer skilltest.TurnOptions
		press  bool
		want   string
		made   string
		asked  bool
	}{
		"somebody else":         {skilltest.TurnOptions{Name: "Bob", Place: core.Group}, true, over, "[rain]", true},
		"said past the bot":     {skilltest.TurnOptions{Text: "yes", Place: core.Group, Overheard: true}, false, "", "[rain]", true},
		"said to the bot":       {skilltest.TurnOptions{Text: "yes", Place: core.Group}, false, "Went so.", "[rain wipe]", false},
		"who was asked presses": {skilltest.TurnOptions{Place: core.Group}, true, "Went so.", "[rain wipe]", false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, risky())
			w := k.must(group)
			if c.press {
				c.answer.Parts = []core.Part{core.Action{Data: buttons(t, w)[0]}}
			}
			if got := k.must(c.answer); got.Text() != c.want {
				t.Errorf("answer %q", got.Text())
			}
			if got := fmt.Sprint(k.tools.names()); got != c.made {
				t.Errorf("called %s", got)
			}
			if _, open := k.fields["asked"]; open != c.asked {
				t.Errorf("a question is open: %v", open)
			}
			if !c.asked {
				return
			}
			if got := k.must(skilltest.TurnOptions{Place: core.Group, Parts: []core.Part{core.Action{Data: buttons(t, w)[0]}}}); got.Text() != "Went so." {
				t.Errorf("then who was asked: %q", got.Text())
			}
		})
	}
	t.Run("an older question's button", func(t *testing.T) {
		model := risky()
		k := newTalk(t, model)
		old := k.say("wipe it")
		k.press(old, 1, "")
		model.play = func(_ int, r models.Request) (models.Delta, error) {
			if r.Messages[len(r.Messages)-1].Role == models.ToolResult {
				return models.Delta{Text: "Went so."}, nil
			}
			return calls(call("wipe", `{"city":"other"}`)), nil
		}
		next := k.say("wipe the other")
		if w := k.press(old, 0, ""); w.Text() != over {
			t.Errorf("%q", w.Text())
		}
		if got := fmt.Sprint(k.tools.names()); got != "[rain]" {
			t.Errorf("called %s", got)
		}
		if w := k.press(next, 0, ""); w.Text() != "Went so." {
			t.Errorf("%q", w.Text())
		}
		if got := fmt.Sprint(k.tools.names()); got != "[rain wipe]" {
			t.Errorf("called %s", got)
		}
		if w := k.press(next, 0, ""); w.Text() != over {
			t.Errorf("again: %q", w.Text())
		}
	})
	t.Run("forgotten", func(t *testing.T) {
		k := newTalk(t, risky())
		w := k.say("wipe it")
		for _, name := range k.kept() {
			if err := k.world.PersonStorage().Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if w := k.press(w, 0, ""); w.Text() != over || fmt.Sprint(k.tools.names()) != "[rain]" {
			t.Errorf("%q, called %v", w.Text(), k.tools.names())
		}
	})
}

// A second question on the way to one answer, and what was sent with the first is not sent
// again.
func TestConfirmedTwice(t *testing.T) {
	model := plays(calls(call("rain", `{"city":"a"}`), call("wipe", `{"city":"a"}`)), calls(call("wipe", `{"city":"b"}`)), models.Delta{Text: "All gone."})
	k := newTalk(t, model)
	paper := core.Media{Kind: core.Document, Blob: "b"}
	k.tools.do = func(_ context.Context, c skills.Call) (skills.Result, error) {
		return skills.Result{Said: [][]core.Part{{core.Text{Text: c.Tool + string(c.Input)}, paper}}}, nil
	}
	files := func(w *skilltest.RecordingWriter) (n int) {
		for _, parts := range w.Replies() {
			if slices.Contains(parts, core.Part(paper)) {
				n++
			}
		}
		return n
	}
	first := k.say("wipe both")
	second := k.press(first, 0, "")
	third := k.press(second, 0, "")
	if third.Text() != "All gone." || files(first) != 1 || files(second) != 1 || files(third) != 1 {
		t.Errorf("%q, %q, %q", first.Text(), second.Text(), third.Text())
	}
	r := model.requests[2].Messages
	if len(r) != 7 || r[1].Text != "wipe both" || r[6].Text != "wipe{\"city\":\"b\"}\n[file; the person is sent it with your answer]" {
		t.Errorf("the model got %+v", r[1:])
	}
	if h := k.history(); len(h) != 3 || len(h[0].Calls) != 1 || len(h[1].Calls) != 1 || len(h[2].Calls) != 1 {
		t.Errorf("history %+v", h)
	}
}

// A run that follows a crash makes no call again of which it is known how it ended, and
// gives the others the same ID.
func TestRunAgain(t *testing.T) {
	model := plays(calls(call("rain", `{"city":"a"}`), call("sun", `{"city":"a"}`)), done)
	k := newTalk(t, model)
	ctx, crash := context.WithCancel(t.Context())
	defer crash()
	began := make(chan struct{})
	k.tools.do = func(ctx context.Context, c skills.Call) (skills.Result, error) {
		if c.Tool == "rain" {
			<-began
			crash() // and it was done all the same
			return skills.Result{Said: [][]core.Part{{core.Text{Text: "wet"}}}}, nil
		}
		close(began)
		<-ctx.Done()
		return skills.Result{}, ctx.Err()
	}
	if w, err := k.run(ctx, skilltest.TurnOptions{Text: "weather?", ID: "same"}); !errors.Is(err, context.Canceled) || len(w.Replies()) > 0 {
		t.Fatalf("%v, %q", err, w.Text())
	}
	before := k.tools.made
	k.tools.made = nil
	k.tools.do = nil
	w := k.must(skilltest.TurnOptions{Text: "weather?", ID: "same", Attempt: 2})
	if w.Text() != "It rains." || fmt.Sprint(k.tools.names()) != "[sun]" || k.tools.made[0].Attempt != 2 {
		t.Errorf("%q, made %+v", w.Text(), k.tools.made)
	}
	if i := slices.IndexFunc(before, func(c skills.Call) bool { return c.Tool == "sun" }); before[i].ID != k.tools.made[0].ID || before[i].Attempt != 1 {
		t.Errorf("made as %+v, then as %+v", before[i], k.tools.made[0])
	}
	if len(model.requests) != 2 {
		t.Errorf("the model was asked %d times", len(model.requests))
	}
	if diff := cmp.Diff([]string{"wet", `sun {"city":"a"}`}, told(model)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// The limits hold over a crash.
func TestLimitsRunAgain(t *testing.T) {
	model := &player{play: func(n int, r models.Request) (models.Delta, error) {
		switch {
		case r.ToolChoice == models.ToolNone:
			return models.Delta{Text: "Enough."}, nil
		case n == 2:
			return models.Delta{}, errors.New("crash")
		}
		return calls(call("rain", fmt.Sprintf(`{"city":"%d"}`, n))), nil
	}}
	k := newTalk(t, model)
	k.options.Tools = chat.ToolOptions{Calls: 3}
	if _, err := k.run(t.Context(), skilltest.TurnOptions{ID: "same"}); err == nil {
		t.Fatal("no crash")
	}
	if w := k.must(skilltest.TurnOptions{ID: "same", Attempt: 2}); w.Text() != "Enough." || len(k.tools.made) != 3 {
		t.Errorf("%q after %d calls", w.Text(), len(k.tools.made))
	}
}

// Steps that nobody came back to are erased in time, those of other conversations not before.
func TestStepsOfOtherTurns(t *testing.T) {
	k := newTalk(t, plays(calls(call("wipe", `{"city":"a"}`)), done))
	k.must(skilltest.TurnOptions{Place: core.Group})
	before := k.kept()
	k.fields, k.log = nil, nil
	k.say("in private")
	if diff := cmp.Diff(before, k.kept()); diff != "" || len(before) != 1 {
		t.Errorf("kept (-before +after):\n%s", diff)
	}
	k.must(skilltest.TurnOptions{Text: "later", Now: skilltest.Now.AddDate(0, 0, 3)})
	if got := k.kept(); len(got) > 0 {
		t.Errorf("%v is kept", got)
	}
}

// A yes whose turn is run again calls once.
func TestConfirmedRunAgain(t *testing.T) {
	model := risky()
	k := newTalk(t, model)
	w := k.say("wipe it")
	yes := skilltest.TurnOptions{ID: "yes", Parts: []core.Part{core.Action{Data: buttons(t, w)[0]}}}
	model.play = func(int, models.Request) (models.Delta, error) { return models.Delta{}, errors.New("crash") }
	if _, err := k.run(t.Context(), yes); err == nil {
		t.Fatal("no crash")
	}
	model.play = func(int, models.Request) (models.Delta, error) { return models.Delta{Text: "Gone."}, nil }
	yes.Attempt = 2
	if w := k.must(yes); w.Text() != "Gone." || fmt.Sprint(k.tools.names()) != "[rain wipe]" {
		t.Errorf("%q, called %v", w.Text(), k.tools.names())
	}
}

// Where there is no room for a step, those of older turns give way, but not of one that runs.
func TestNoRoomForSteps(t *testing.T) {
	for age, want := range map[time.Duration]string{2 * time.Hour: "It rains.", time.Minute: ""} {
		k := newTalk(t, plays(calls(call("wipe", `{"city":"`+strings.Repeat("x", 1000)+`"}`)), calls(call("rain", `{"city":"`+strings.Repeat("y", 400)+`"}`)), done))
		k.must(skilltest.TurnOptions{Place: core.Group})
		k.fields, k.log = nil, nil
		k.world.Manifest.Permissions.Storage = 2000
		w, err := k.run(t.Context(), skilltest.TurnOptions{Text: "weather?", Now: skilltest.Now.Add(age)})
		if (want == "") != errors.Is(err, skills.ErrFull) || w.Text() != want {
			t.Errorf("behind steps of %s: %q, %v", age, w.Text(), err)
		}
		if calls := len(k.tools.made); want == "" && calls > 1 {
			t.Errorf("%d calls were made", calls)
		}
	}
}

// A run that was taken for dead and is not makes no call once another one is ahead.
func TestOvertaken(t *testing.T) {
	var k *talk
	model := &player{play: func(int, models.Request) (models.Delta, error) {
		turn := skilltest.NewTurn(skilltest.TurnOptions{ID: "same"}).ID
		if err := k.world.PersonStorage().Set(t.Context(), string(turn)+"/0", []byte(`{}`)); err != nil {
			t.Error(err)
		}
		return calls(call("rain", `{"city":"a"}`)), nil
	}}
	k = newTalk(t, model)
	if _, err := k.run(t.Context(), skilltest.TurnOptions{ID: "same"}); fault.ClassOf(err) != fault.Retryable || len(k.tools.made) > 0 {
		t.Errorf("%v, made %v", err, k.tools.made)
	}
}
