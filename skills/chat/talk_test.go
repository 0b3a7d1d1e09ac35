package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

// player is a model that answers its n-th request as play says.
type player struct {
	play func(n int, r models.Request) (models.Delta, error)

	mu       sync.Mutex
	requests []models.Request
}

func (p *player) Chat(_ context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	p.mu.Lock()
	n := len(p.requests)
	r.Messages = slices.Clone(r.Messages)
	p.requests = append(p.requests, r)
	p.mu.Unlock()
	return func(yield func(models.Delta, error) bool) {
		d, err := p.play(n, r)
		if d.Finish == "" {
			d.Finish = models.FinishStop
		}
		yield(d, err)
	}
}

// plays answers requests one after the other; the last answer is repeated.
func plays(answers ...models.Delta) *player {
	return &player{play: func(n int, _ models.Request) (models.Delta, error) { return answers[min(n, len(answers)-1)], nil }}
}

// calls is an answer that asks for tools.
func calls(list ...models.ToolCall) models.Delta {
	for i := range list {
		list[i].ID = fmt.Sprint(list[i].Name, i)
	}
	return models.Delta{Calls: list, Finish: models.FinishToolCalls}
}

func call(name, arguments string) models.ToolCall {
	return models.ToolCall{Name: name, Arguments: json.RawMessage(arguments)}
}

// box is skills.Tools of a test.
type box struct {
	list []skills.Callable
	do   func(ctx context.Context, c skills.Call) (skills.Result, error)

	mu   sync.Mutex
	made []skills.Call
}

func (b *box) List() []skills.Callable { return b.list }

func (b *box) Call(ctx context.Context, c skills.Call) (skills.Result, error) {
	b.mu.Lock()
	b.made = append(b.made, c)
	b.mu.Unlock()
	if b.do == nil {
		return skills.Result{Skill: "home", Said: [][]core.Part{{core.Text{Text: c.Tool + " " + string(c.Input)}}}}, nil
	}
	return b.do(ctx, c)
}

// names are those of the calls that were made.
func (b *box) names() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.made {
		out = append(out, c.Tool)
	}
	slices.Sort(out)
	return out
}

// toolbox has a tool that asks for a city, and a dangerous one.
func toolbox() *box {
	one := func(name string, dangerous bool) skills.Callable {
		return skills.Callable{Skill: "home", Help: skills.Phrase{"en": "Help of " + name, "de": "Hilfe zu " + name}, Tool: skills.Tool{
			Name: name, Description: "About " + name, Dangerous: dangerous,
			Input: json.RawMessage(`{"type":"object","required":["city"],"properties":{"city":{"type":"string"},"n":{"type":"integer"}}}`),
		}}
	}
	return &box{list: []skills.Callable{one("rain", false), one("sun", false), one("wipe", true)}}
}

// talk is a person's conversation with the skill, as the hub keeps it.
type talk struct {
	t       *testing.T
	options chat.Options
	model   models.Client
	tools   *box
	world   *skilltest.World
	events  []core.Event

	n      int
	fields map[string][]byte
	log    [][]byte
	files  *skilltest.Files
}

func newTalk(t *testing.T, model models.Client) *talk {
	t.Helper()
	k := &talk{t: t, model: model, tools: toolbox(), files: &skilltest.Files{Sent: map[core.FileRef][]byte{}}}
	k.world = skilltest.NewWorld(chat.New(chat.Options{}).Manifest())
	return k
}

// punctual is a world whose storage keeps nothing once a context has ended, as a real one.
type punctual struct{ *skilltest.World }

func (w punctual) PersonStorage() skills.Storage { return inTime{w.World.PersonStorage()} }

type inTime struct{ skills.Storage }

func (s inTime) Swap(ctx context.Context, name string, was, value []byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return s.Storage.Swap(ctx, name, was, value)
}

// run runs a turn, and stores what it did to the session if it went well.
func (k *talk) run(ctx context.Context, o skilltest.TurnOptions) (*skilltest.RecordingWriter, error) {
	k.t.Helper()
	s, err := session.Load(k.fields, k.log, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	if o.ID == "" {
		k.n++
		o.ID = fmt.Sprint(k.n)
	}
	o.Session, o.World, o.Tools, o.Files = s, punctual{k.world}, k.tools, k.files
	if k.tools == nil {
		o.Tools = nil
	}
	turn := skilltest.NewTurn(o)
	if len(o.Parts) == 1 {
		if a, ok := o.Parts[0].(core.Action); ok {
			turn.Envelope.Kind, turn.Args = core.KindAction, a.Data[len("chat:"):]
		}
	}
	in, from := turn.Envelope.In, turn.Envelope.From
	if q, ok := s.Asked(in, from); ok && q.Skill == chat.Name {
		turn.Asked = &skills.Asked{Turn: q.Turn, State: q.State}
		s.Unask(in, from)
	}
	k.options.Models = pools{"": k.model, "seeing": k.model, "plain": k.model}
	k.options.Observer = core.ObserverFunc(func(e core.Event) { k.events = append(k.events, e) })
	w := &skilltest.RecordingWriter{}
	if err := chat.New(k.options).Handle(ctx, turn, w); err != nil {
		return w, err
	}
	if asked := w.Questions(); len(asked) > 0 {
		q := asked[len(asked)-1]
		if err := q.Check(); err != nil {
			k.t.Error(err)
		}
		s.Ask(in, from, session.Asked{Skill: chat.Name, Turn: turn.ID, State: q.State, Until: turn.Now.Add(q.For)})
	}
	c := s.Changes()
	k.fields, k.log = c.Apply(k.fields, k.log)
	return w, nil
}

func (k *talk) say(text string) *skilltest.RecordingWriter {
	k.t.Helper()
	return k.must(skilltest.TurnOptions{Text: text})
}

func (k *talk) must(o skilltest.TurnOptions) *skilltest.RecordingWriter {
	k.t.Helper()
	w, err := k.run(k.t.Context(), o)
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}

// press presses a button of the last reply.
func (k *talk) press(w *skilltest.RecordingWriter, button int, name string) *skilltest.RecordingWriter {
	k.t.Helper()
	return k.must(skilltest.TurnOptions{Name: name, Parts: []core.Part{core.Action{Data: buttons(k.t, w)[button]}}})
}

// buttons are the data of those of the last reply.
func buttons(t *testing.T, w *skilltest.RecordingWriter) (out []string) {
	t.Helper()
	replies := w.Replies()
	for _, p := range replies[len(replies)-1] {
		if b, ok := p.(core.Buttons); ok {
			for _, row := range b.Rows {
				for _, one := range row {
					out = append(out, one.Data)
				}
			}
		}
	}
	if len(out) != 2 {
		t.Fatalf("%d buttons in %q", len(out), w.Text())
	}
	return out
}

func (k *talk) history() []session.Turn {
	k.t.Helper()
	s, err := session.Load(k.fields, k.log, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	h, err := s.History()
	if err != nil {
		k.t.Fatal(err)
	}
	return h
}

// kept are the names of the steps that are kept.
func (k *talk) kept() []string {
	k.t.Helper()
	names, err := k.world.PersonStorage().Names(k.t.Context(), "")
	if err != nil {
		k.t.Fatal(err)
	}
	return names
}

// told are the results that the model was told in its last request.
func told(p *player) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.requests[len(p.requests)-1].Messages {
		if m.Role == models.ToolResult {
			out = append(out, m.Text)
		}
	}
	return out
}

// outcomes are what was observed.
func (k *talk) outcomes() (out []string) {
	for _, e := range k.events {
		out = append(out, fmt.Sprint(e.Stage, " ", e.Tool, " ", e.Outcome))
	}
	return out
}
