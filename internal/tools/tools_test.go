package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// lamp is a skill with a command and a tool; do is what it does.
type lamp struct {
	roles []skills.Role
	do    func(ctx context.Context, t *skills.Turn, w skills.Writer) error
}

func (l lamp) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: "lamp", Roles: l.roles,
		Commands: []skills.Command{
			{Name: "light", Help: map[string]string{"en": "Light"}, Tool: true, Input: json.RawMessage(`{"type":"object","properties":{"on":{"type":"boolean","default":true}}}`)},
			{Name: "dark", Help: map[string]string{"en": "Dark"}},
		},
		Tools:       []skills.Tool{{Name: "Blink", Description: "Blinks", Input: json.RawMessage(`{"type":"object"}`)}},
		Permissions: skills.Permissions{CallsPerMinute: 3},
	}
}

func (l lamp) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	return l.do(ctx, t, w)
}

// hub has one skill, with the middleware that the real one has.
type hub struct {
	set      *skills.Set
	provider *Provider
	handler  skills.Handler

	mu     sync.Mutex
	events []core.Event
}

func newHub(t *testing.T, l lamp) *hub {
	t.Helper()
	set, err := skills.NewSet(l)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{set: set}
	observer := core.ObserverFunc(func(e core.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, e)
	})
	m := l.Manifest()
	h.handler = skills.Chain(l, skills.Recover(), skills.Access(m), skills.CallsPerMinute(m), skills.Input(m),
		skills.Observe(m, observer, time.Now), skills.Timeout(m, time.Minute))
	h.provider = New(Options{
		Skills: func() *skills.Set { return h.set }, Files: func(core.Envelope) skills.Files { return &skilltest.Files{} },
		Handler:  func(name string) (skills.Handler, bool) { return h.handler, name == "lamp" && h.handler != nil },
		Observer: observer, Now: time.Now,
	})
	return h
}

// talker is a skill that may have called what its manifest says.
func (h *hub) talker(t *testing.T, may []string, turn *skills.Turn) skills.Tools {
	t.Helper()
	var got skills.Tools
	m := skills.Manifest{Name: "talker", Permissions: skills.Permissions{Tools: may}}
	err := h.provider.Middleware(m)(skills.HandlerFunc(func(_ context.Context, t *skills.Turn, _ skills.Writer) error {
		got = t.Tools
		return nil
	})).Handle(t.Context(), turn, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhoMayCallWhat(t *testing.T) {
	h := newHub(t, lamp{roles: []skills.Role{skills.Admin}})
	admin := skilltest.TurnOptions{Role: skills.Admin}
	for name, c := range map[string]struct {
		may  []string
		turn skilltest.TurnOptions
		want string
	}{
		"all":         {[]string{"*"}, admin, "[Blink light]"},
		"one":         {[]string{"light", "other"}, admin, "[light]"},
		"another":     {[]string{"dark"}, admin, "[]"},
		"not a user":  {[]string{"*"}, skilltest.TurnOptions{}, "[]"},
		"none":        {nil, admin, "nil"},
		"from a tool": {[]string{"*"}, skilltest.TurnOptions{Role: skills.Admin, Called: &skills.Called{}}, "nil"},
	} {
		tools := h.talker(t, c.may, skilltest.NewTurn(c.turn))
		got := "nil"
		if tools != nil {
			names := []string{}
			for _, x := range tools.List() {
				names = append(names, x.Name)
			}
			got = fmt.Sprint(names)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	tools := h.talker(t, []string{"light"}, skilltest.NewTurn(admin))
	if _, err := tools.Call(t.Context(), skills.Call{ID: "1", Tool: "Blink"}); !errors.Is(err, errNoTool) || fault.Public(err) == "" {
		t.Errorf("what is not offered was called: %v", err)
	}
}

func TestCall(t *testing.T) {
	var seen []*skills.Turn
	h := newHub(t, lamp{do: func(_ context.Context, turn *skills.Turn, w skills.Writer) error {
		seen = append(seen, turn)
		turn.Session.Pin("changed")
		w.Draft(core.Text{Text: "draft"})
		if w.Drafted() {
			return errors.New("somebody saw a draft")
		}
		w.Reply(core.Text{Text: "one"})
		w.ReplyIn(core.Conversation{Account: "a", Chat: "c"}, "p", core.Text{Text: "far"})
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "first?"}}, For: time.Hour})
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "sure?"}}, For: time.Hour})
		return nil
	}})
	outer := skilltest.NewTurn(skilltest.TurnOptions{Parts: []core.Part{core.Action{Data: "talker:x"}}, Session: skilltest.NewSession(session.Turn{ID: "a"})})
	outer.Envelope.Kind, outer.Envelope.ReplyTo = core.KindAction, &core.Quote{Text: "q"}
	tools := h.talker(t, []string{"*"}, outer)
	got, err := tools.Call(t.Context(), skills.Call{ID: "turn/0.0", Tool: "light", Input: json.RawMessage(`{"on":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	turn := seen[0]
	want := skills.Result{
		Turn: turn.ID, Skill: "lamp", Said: [][]core.Part{{core.Text{Text: "one"}}, {core.Text{Text: "first?"}}},
		Elsewhere: []core.Reply{{To: core.Conversation{Account: "a", Chat: "c"}, Person: "p", Parts: []core.Part{core.Text{Text: "far"}}}},
		Question:  &skills.Question{Parts: []core.Part{core.Text{Text: "sure?"}}, For: time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	command, _ := turn.Envelope.Command()
	if turn.ID == outer.ID || turn.ID != turn.Envelope.ID || command.Name != "light" || turn.Args != `{"on":true}` || string(turn.Input) != turn.Args ||
		turn.Called.Tool != "light" || turn.Called.Call != "turn/0.0" || turn.Envelope.Kind != core.KindMessage || turn.Envelope.ReplyTo != nil ||
		turn.Person != outer.Person || turn.Attempt != 1 || turn.Last || turn.Tools != nil {
		t.Errorf("the turn is %+v", turn)
	}
	if len(outer.Session.Pinned()) > 0 {
		t.Error("what a tool changed is in the session")
	}
	for _, id := range []string{"turn/0.0", "turn/0.1"} {
		if _, err := tools.Call(t.Context(), skills.Call{ID: id, Tool: "Blink", Input: json.RawMessage(`{}`), Attempt: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if seen[1].ID != turn.ID || seen[2].ID == turn.ID || seen[1].Attempt != 2 || len(seen[1].Envelope.Parts) > 0 {
		t.Errorf("%+v, %+v", seen[1], seen[2])
	}
	for _, id := range []string{"turn/1.0", "turn/1.1"} {
		if _, err := tools.Call(t.Context(), skills.Call{ID: id, Tool: "Blink", Input: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	// Three a minute, those that are run again not counted: the fourth is refused, in words
	// that may be told.
	if _, err := tools.Call(t.Context(), skills.Call{ID: "turn/9.9", Tool: "Blink"}); fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "3") {
		t.Errorf("the fourth in a minute: %v", err)
	}
	var outcomes []string
	for _, e := range h.events {
		outcomes = append(outcomes, fmt.Sprint(e.Stage, " ", e.Skill, " ", e.Tool, " ", e.Outcome))
	}
	if diff := cmp.Diff([]string{"tool lamp light done", "tool lamp Blink done", "tool lamp Blink done", "tool lamp Blink done", "tool lamp Blink done", "tool lamp Blink failed"}, outcomes); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestCallsThatFail(t *testing.T) {
	retryable := fault.New(fault.Retryable, "x", errors.New("gone"))
	for name, c := range map[string]struct {
		errs []error
		runs int
		want error
	}{
		"once":      {[]error{retryable, nil}, 2, nil},
		"twice":     {[]error{retryable, retryable}, 2, retryable},
		"for good":  {[]error{errStuck}, 1, errStuck},
		"no matter": {[]error{nil}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			h := newHub(t, lamp{do: func(_ context.Context, turn *skills.Turn, w skills.Writer) error {
				w.Reply(core.Text{Text: "run"})
				n++
				if turn.Attempt != n || turn.Last != (n == runs) {
					t.Errorf("attempt %d, last %v", turn.Attempt, turn.Last)
				}
				return c.errs[n-1]
			}})
			r, err := h.talker(t, []string{"*"}, skilltest.NewTurn(skilltest.TurnOptions{})).Call(t.Context(), skills.Call{ID: "1", Tool: "Blink"})
			if !errors.Is(err, c.want) || n != c.runs || err == nil && len(r.Said) != 1 {
				t.Errorf("%v after %d runs, said %v", err, n, r.Said)
			}
		})
	}
	h := newHub(t, lamp{do: func(context.Context, *skills.Turn, skills.Writer) error { panic("broken") }})
	tools := h.talker(t, []string{"*"}, skilltest.NewTurn(skilltest.TurnOptions{}))
	if _, err := tools.Call(t.Context(), skills.Call{ID: "1", Tool: "Blink"}); fault.ClassOf(err) != fault.Bug {
		t.Errorf("a panic is %v", err)
	}
	h.handler = nil
	if _, err := tools.Call(t.Context(), skills.Call{ID: "1", Tool: "Blink"}); !errors.Is(err, errGone) {
		t.Errorf("a skill that went is %v", err)
	}
}

var errStuck = errors.New("stuck")

// Whatever a tool says, what is taken of it is bounded.
func TestMegabytes(t *testing.T) {
	h := newHub(t, lamp{do: func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		for range 1000 {
			w.Reply(core.Text{Text: strings.Repeat("ä", 5000)}, core.Media{Kind: core.Image, Blob: "b"}, core.Location{Title: strings.Repeat("x", 50_000)})
		}
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "sure?"}}, For: time.Hour})
		return nil
	}})
	_, err := h.talker(t, []string{"*"}, skilltest.NewTurn(skilltest.TurnOptions{})).Call(t.Context(), skills.Call{ID: "1", Tool: "Blink"})
	if fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a question without words left is %v", err)
	}
	w := &writer{}
	for range 1000 {
		w.Reply(core.Text{Text: strings.Repeat("ä", 5000)}, core.Media{Kind: core.Image, Blob: "b"}, core.Location{Title: strings.Repeat("x", 50_000)})
	}
	r, err := w.result("t", "lamp")
	if err != nil {
		t.Fatal(err)
	}
	text, other := 0, 0
	for _, parts := range r.Said {
		text += len(core.JoinText(parts))
		for _, p := range parts {
			if _, ok := p.(core.Text); !ok {
				other++
			}
		}
	}
	if text > maxText || text < maxText-10 || other > maxOther || r.LeftOut < 10_000_000-maxText || len(r.Said) > maxReplies {
		t.Errorf("%d bytes, %d other parts, %d left out, %d replies", text, other, r.LeftOut, len(r.Said))
	}
}
