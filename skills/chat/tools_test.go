package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

var done = models.Delta{Text: "It rains."}

// Calls of one step are made at once, and told in their order.
func TestCallsAtOnce(t *testing.T) {
	asks := calls(call("sun", `{"city":"Rome"}`), call("rain", `{"city":"Oslo","n":2}`))
	asks.Text = "Let me look."
	model := plays(asks, done)
	k := newTalk(t, model)
	var both sync.WaitGroup
	both.Add(2)
	k.tools.do = func(_ context.Context, c skills.Call) (skills.Result, error) {
		both.Done()
		both.Wait() // each waits for the other
		return skills.Result{Skill: "home", Said: [][]core.Part{{core.Text{Text: c.Tool + " there"}}, {core.Text{Text: "really"}}}}, nil
	}
	w := k.say("weather?")
	if w.Text() != "It rains." {
		t.Errorf("answer %q", w.Text())
	}
	if !slices.ContainsFunc(w.Drafts(), func(parts []core.Part) bool { return core.JoinText(parts) == "Let me look." }) {
		t.Error("what came with the calls was not shown")
	}
	first, second := model.requests[0], model.requests[1]
	var offered []string
	for _, tool := range first.Tools {
		offered = append(offered, tool.Name)
	}
	if got := strings.Join(offered, " "); got != "rain sun wipe" || first.ToolChoice != models.ToolAuto || first.Cache.Mode != models.CacheNever {
		t.Errorf("offered %s, %q, %+v", got, first.ToolChoice, first.Cache)
	}
	if !strings.Contains(first.Messages[0].Text, "You can call tools.") {
		t.Errorf("system: %q", first.Messages[0].Text)
	}
	want := []models.Message{
		{Role: models.User, Text: "weather?"},
		{Role: models.Assistant, Text: "Let me look.", Calls: asks.Calls},
		{Role: models.ToolResult, CallID: "sun0", Text: "sun there\nreally"},
		{Role: models.ToolResult, CallID: "rain1", Text: "rain there\nreally"},
	}
	if diff := cmp.Diff(want, second.Messages[1:]); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	history := k.history()
	remembered := []session.Call{
		{Tool: "sun", Input: json.RawMessage(`{"city":"Rome"}`), Result: "sun there\nreally"},
		{Tool: "rain", Input: json.RawMessage(`{"city":"Oslo","n":2}`), Result: "rain there\nreally"},
	}
	if diff := cmp.Diff(remembered, history[0].Calls); diff != "" || history[0].Answer != "It rains." {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	// The next turn knows what was called, and the steps of the one before are gone.
	if n := len(k.kept()); n != 3 {
		t.Errorf("%d entries are kept: %v", n, k.kept())
	}
	k.say("and now?")
	if n := len(k.kept()); n != 0 {
		t.Errorf("%v is kept", k.kept())
	}
	if got := told(model); len(got) != 2 || got[0] != "sun there\nreally" {
		t.Errorf("the model was told %q", got)
	}
}

func TestRepairs(t *testing.T) {
	for name, c := range map[string]struct {
		answers []models.Delta
		made    string
		want    []string
	}{
		"repaired": {
			[]models.Delta{calls(call("rain", `{"town":1}`)), calls(call("rain", `{"city":"Rome"}`)), done}, "[rain]",
			[]string{"Not called: the arguments are wrong: ", `rain {"city":"Rome"}`},
		},
		"wrong twice": {
			[]models.Delta{calls(call("rain", `{}`)), calls(call("rain", `{"city":1}`)), calls(call("rain", `{"city":"Rome"}`)), done}, "[]",
			[]string{"Not called: the arguments are wrong: ", "Not called: the arguments are wrong: ", "Not called. This tool cannot be used in this turn any more."},
		},
		"unknown": {
			[]models.Delta{calls(call("snow", `{}`), call("sun", `{"city":"x"}`)), calls(call("snow", `{}`)), done}, "[sun]",
			[]string{`Not called: there is no tool "snow". There are: rain, sun, wipe. Correct it and call again.`, "sun {", "Not called: there is no tool \"snow\""},
		},
		"too long": {
			[]models.Delta{calls(call("rain", `{"city":"`+strings.Repeat("x", 40_000)+`"}`)), done}, "[]",
			[]string{"Not called: the arguments are wrong: the arguments are longer than 32768 bytes, or"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			model := plays(c.answers...)
			k := newTalk(t, model)
			if w := k.say("weather?"); w.Text() != "It rains." {
				t.Errorf("answer %q", w.Text())
			}
			if got := fmt.Sprint(k.tools.names()); got != c.made {
				t.Errorf("made %s, want %s", got, c.made)
			}
			got := told(model)
			if len(got) != len(c.want) {
				t.Fatalf("told %q", got)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("told %q, want %q", got[i], want)
				}
			}
		})
	}
}

// A loop that never ends by itself is ended, with an answer.
func TestLimits(t *testing.T) {
	endless := func(call func(n int) models.Delta) *player {
		return &player{play: func(n int, r models.Request) (models.Delta, error) {
			if r.ToolChoice == models.ToolNone {
				d := call(n) // some servers call all the same
				d.Text = "Enough."
				return d, nil
			}
			return call(n), nil
		}}
	}
	other := func(n int) models.Delta { return calls(call("rain", fmt.Sprintf(`{"city":"%d"}`, n))) }
	for name, c := range map[string]struct {
		model     *player
		options   chat.ToolOptions
		made, ask int
		limit     string
	}{
		"steps": {endless(other), chat.ToolOptions{Steps: 3}, 3, 4, "steps"},
		"calls": {endless(func(n int) models.Delta {
			return calls(call("rain", fmt.Sprintf(`{"city":"%d"}`, n)), call("sun", fmt.Sprintf(`{"city":"%d"}`, n)))
		}), chat.ToolOptions{Calls: 3}, 3, 3, "calls"},
		"default steps": {endless(other), chat.ToolOptions{}, 8, 9, "steps"},
		"the very same": {endless(func(n int) models.Delta {
			return calls(call("rain", []string{`{"city":"Rome","n":1}`, `{ "n": 1, "city": "Rome" }`}[n%2]))
		}), chat.ToolOptions{}, 2, 4, "repeat"},
		"many in one step": {endless(func(n int) models.Delta {
			var all []models.ToolCall
			for i := range 100 {
				all = append(all, call("rain", fmt.Sprintf(`{"city":"%d","n":%d}`, n, i)))
			}
			return calls(all...)
		}), chat.ToolOptions{}, 16, 2, "calls"},
		"unreadable": {&player{play: func(_ int, r models.Request) (models.Delta, error) {
			if r.ToolChoice == models.ToolNone {
				return models.Delta{Text: "Enough."}, nil
			}
			return models.Delta{}, fault.New(fault.Retryable, "chat", models.ErrBadCall)
		}}, chat.ToolOptions{}, 0, 3, "unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, c.model)
			k.options.Tools = c.options
			if w := k.say("weather?"); w.Text() != "Enough." {
				t.Errorf("answer %q", w.Text())
			}
			if len(k.tools.made) != c.made || len(c.model.requests) != c.ask {
				t.Errorf("%d calls in %d requests, want %d in %d", len(k.tools.made), len(c.model.requests), c.made, c.ask)
			}
			last := c.model.requests[len(c.model.requests)-1]
			if last.ToolChoice != models.ToolNone || len(last.Tools) == 0 {
				t.Errorf("the last request chooses %q of %d tools", last.ToolChoice, len(last.Tools))
			}
			if got := k.outcomes(); !slices.Contains(got, "tool_limit  "+c.limit) {
				t.Errorf("observed %v", got)
			}
		})
	}
}

// A tool that hangs leaves time for an answer.
func TestToolThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model := plays(calls(call("rain", `{"city":"Rome"}`)), calls(call("sun", `{"city":"Rome"}`)), calls(call("sun", `{"city":"Oslo"}`)), models.Delta{Text: "Sorry."})
		k := newTalk(t, model)
		k.tools.do = func(ctx context.Context, _ skills.Call) (skills.Result, error) {
			<-ctx.Done()
			return skills.Result{}, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
		defer cancel()
		began := time.Now()
		w, err := k.run(ctx, skilltest.TurnOptions{Text: "weather?"})
		if err != nil || w.Text() != "Sorry." {
			t.Errorf("%v, %q", err, w.Text())
		}
		if took := time.Since(began); took != 7*time.Minute {
			t.Errorf("it took %s", took)
		}
		const late = "The tool failed: It took too long."
		if diff := cmp.Diff([]string{late, late, late}, told(model)); diff != "" {
			t.Error(diff)
		}
		// A quarter of the time is left before the third, and less behind it.
		if a, b := model.requests[2].ToolChoice, model.requests[3].ToolChoice; a != models.ToolAuto || b != models.ToolNone {
			t.Errorf("the last requests choose %q and %q", a, b)
		}
		if got := k.outcomes(); !slices.Contains(got, "tool_limit  time") {
			t.Errorf("observed %v", got)
		}
	})
}

func TestFailuresAreResults(t *testing.T) {
	model := plays(calls(call("rain", `{"city":"a"}`), call("rain", `{"city":"b"}`), call("rain", `{"city":"c"}`)), done)
	k := newTalk(t, model)
	k.tools.do = func(_ context.Context, c skills.Call) (skills.Result, error) {
		switch string(c.Input) {
		case `{"city":"a"}`:
			return skills.Result{}, fault.New(fault.Permanent, "call", errors.New("10.0.0.1 says no"), fault.WithPublic("No such city."), fault.WithRef("r3f"))
		case `{"city":"b"}`:
			return skills.Result{}, errors.New("password hunter2")
		}
		return skills.Result{Said: [][]core.Part{{core.Text{Text: strings.Repeat("ä", 20_000)}}}, LeftOut: 1 << 20}, nil
	}
	k.say("weather?")
	got := told(model)
	if got[0] != "The tool failed: No such city. (r3f)" || got[1] != "The tool failed: Something went wrong on its side." {
		t.Errorf("told %q", got[:2])
	}
	if want := "\n[Cut: these are the first 16384 of 1088576 bytes.]"; !strings.HasSuffix(got[2], want) || len(got[2]) != 16384+len(want) {
		t.Errorf("%d bytes, ending %q", len(got[2]), got[2][len(got[2])-60:])
	}
}

// What a tool made goes to the person, once; what models see they are shown.
func TestPartsOfResults(t *testing.T) {
	const png = "\x89PNG\r\n\x1a\n0000"
	model := plays(calls(call("rain", `{"city":"a"}`)), done)
	k := newTalk(t, model)
	photo := core.Media{Kind: core.Image, File: "photo", Caption: "clouds"}
	paper := core.Media{Kind: core.Document, Blob: "b", Name: "report.pdf", Size: 2000}
	choice := core.Buttons{Rows: [][]core.Button{{{Label: "Vote", Data: "home:vote"}}}}
	k.files.Sent["photo"] = []byte(png)
	elsewhere := core.Conversation{Account: "b", Place: core.Private, Chat: "c"}
	k.tools.do = func(context.Context, skills.Call) (skills.Result, error) {
		return skills.Result{Skill: "home", Said: [][]core.Part{
			{core.Text{Text: "seen"}, photo}, {paper}, {core.Text{Text: "Choose"}, choice},
		}, Elsewhere: []core.Reply{{To: elsewhere, Person: "p", Parts: []core.Part{core.Text{Text: "psst"}}}}}, nil
	}
	w := k.must(skilltest.TurnOptions{Text: "weather?", Model: "seeing"})
	want := [][]core.Part{{core.Text{Text: "It rains.", Format: core.Markdown}}, {photo}, {paper}, {core.Text{Text: "Choose"}, choice}}
	if diff := cmp.Diff(want, w.Replies()); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]skilltest.Elsewhere{{To: elsewhere, Person: "p", Parts: []core.Part{core.Text{Text: "psst"}}}}, w.Elsewhere()); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
	messages := model.requests[1].Messages
	last := messages[len(messages)-1]
	if last.Role != models.User || len(last.Images) != 1 || string(last.Images[0].Data) != png {
		t.Errorf("the model is shown %+v", last)
	}
	told := messages[len(messages)-2].Text
	for _, words := range []string{"seen", "[photo; the person is sent it with your answer]", "clouds", "[file, report.pdf, 2 KB; ", "with the buttons: Vote]"} {
		if !strings.Contains(told, words) {
			t.Errorf("%q is not in %q", words, told)
		}
	}
}

// A tool's question is the tool's.
func TestToolAsks(t *testing.T) {
	model := plays(calls(call("rain", `{"city":"a"}`), call("sun", `{"city":"a"}`), call("wipe", `{"city":"a"}`)), done)
	k := newTalk(t, model)
	k.tools.do = func(_ context.Context, c skills.Call) (skills.Result, error) {
		q := &skills.Question{Parts: []core.Part{core.Text{Text: c.Tool + "?"}}, State: json.RawMessage(`7`), For: time.Hour}
		return skills.Result{Skill: "home", Turn: core.EnvelopeID(c.ID), Question: q}, nil
	}
	w := k.say("weather?")
	if w.Text() != "It rains.\nrain?" {
		t.Errorf("said %q", w.Text())
	}
	s, err := session.Load(k.fields, k.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	turn := skilltest.NewTurn(skilltest.TurnOptions{})
	q, ok := s.Asked(turn.Envelope.In, turn.Envelope.From)
	if !ok || q.Skill != "home" || string(q.State) != "7" || !q.Until.Equal(skilltest.Now.Add(time.Hour)) {
		t.Errorf("%v, %+v", ok, q)
	}
	got := told(model)
	if !strings.Contains(got[0], "will answer the tool itself: rain?") || !strings.Contains(got[1], "could not be asked") || !strings.HasPrefix(got[2], "Not called: the person must confirm it") {
		t.Errorf("told %q", got)
	}
}

func TestNoToolsWhereThereAreNone(t *testing.T) {
	for name, change := range map[string]func(k *talk, o *skilltest.TurnOptions){
		"off":             func(k *talk, _ *skilltest.TurnOptions) { k.options.Tools.Off = true },
		"none":            func(k *talk, _ *skilltest.TurnOptions) { k.tools = nil },
		"not this person": func(k *talk, _ *skilltest.TurnOptions) { k.tools.list = nil },
		"not this model":  func(_ *talk, o *skilltest.TurnOptions) { o.Model = "plain" },
	} {
		t.Run(name, func(t *testing.T) {
			d := calls(call("rain", `{"city":"a"}`))
			d.Text = "Words."
			model := plays(d)
			k := newTalk(t, model)
			o := skilltest.TurnOptions{Text: "weather?"}
			change(k, &o)
			if w := k.must(o); w.Text() != "Words." {
				t.Errorf("answer %q", w.Text())
			}
			r := model.requests[0]
			if len(r.Tools) > 0 || r.Cache.Mode != models.CacheAuto || strings.Contains(r.Messages[0].Text, "You can call tools") || len(model.requests) != 1 {
				t.Errorf("%d requests, the first %+v", len(model.requests), r)
			}
			if k.tools != nil && len(k.tools.made) > 0 {
				t.Error("something was called")
			}
		})
	}
}

// What does not fit into the model's context is cut until it does, tools and all.
func TestLongForTheContext(t *testing.T) {
	room := 0
	model := &player{play: func(n int, r models.Request) (models.Delta, error) {
		size := 300 * len(r.Tools)
		for _, m := range r.Messages[1:] {
			size += len(m.Text)
		}
		switch {
		case size > room:
			return models.Delta{}, fault.New(fault.Permanent, "chat", models.ErrOverflow)
		case len(r.Tools) > 0 && r.Messages[len(r.Messages)-1].Role == models.User:
			return calls(call("rain", `{"city":"a"}`), call("sun", `{"city":"a"}`)), nil
		}
		return models.Delta{Text: fmt.Sprintf("%d tools, %d bytes", len(r.Tools), size)}, nil
	}}
	for _, c := range []struct {
		room int
		want string
	}{
		{50_000, "3 tools, 33774 bytes"}, {3500, "3 tools, 3046 bytes"}, {1000, "0 tools, 8 bytes"}, {500, "0 tools, 8 bytes"}, {0, ""},
	} {
		room = c.room
		k := newTalk(t, model)
		k.tools.do = func(context.Context, skills.Call) (skills.Result, error) {
			return skills.Result{Said: [][]core.Part{{core.Text{Text: strings.Repeat("x", 20_000)}}}}, nil
		}
		w, err := k.run(t.Context(), skilltest.TurnOptions{Text: "weather?"})
		if (c.want == "") != errors.Is(err, models.ErrOverflow) || w.Text() != c.want {
			t.Errorf("with room for %d: %q, %v", c.room, w.Text(), err)
		}
	}
}
