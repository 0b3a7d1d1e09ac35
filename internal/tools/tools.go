// Package tools runs the skills that a model calls. Each call is a turn of its own, behind
// the middleware that the skill has for people too: access, limits, time, and a world that
// its own manifest bounds.
package tools

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Options make a Provider. All are required.
type Options struct {
	// Skills are those that there are now.
	Skills func() *skills.Set
	// Handler gives one of them with its middleware; ok is false for one that is gone.
	Handler func(skill string) (h skills.Handler, ok bool)
	// Files gives the files of a called turn.
	Files    func(core.Envelope) skills.Files
	Observer core.Observer
	Now      func() time.Time
}

// Provider gives skills what their models may call. It is safe for concurrent use.
type Provider struct{ o Options }

// New makes a Provider.
func New(o Options) *Provider { return &Provider{o} }

// Middleware gives each turn of a skill that is permitted any its tools, but not turns that
// a model called: a tool calls none.
func (p *Provider) Middleware(m skills.Manifest) skills.Middleware {
	return func(next skills.Handler) skills.Handler {
		if len(m.Permissions.Tools) == 0 {
			return next
		}
		return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
			if t.Called == nil {
				t.Tools = p.For(t, func(c skills.Callable) bool {
					return c.Skill != m.Name && m.Permissions.MayHaveCalled(c.Name)
				})
			}
			return next.Handle(ctx, t, w)
		})
	}
}

// For gives the tools that may be called in the name of who speaks in t, as far as may
// allows.
func (p *Provider) For(t *skills.Turn, may func(skills.Callable) bool) skills.Tools {
	list := p.o.Skills().Callable(t.Role, t.Envelope.In)
	return &box{p: p, t: t, list: slices.DeleteFunc(list, func(c skills.Callable) bool { return !may(c) })}
}

// box is the tools of one turn.
type box struct {
	p    *Provider
	t    *skills.Turn
	list []skills.Callable
}

var _ skills.Tools = (*box)(nil)

// List implements skills.Tools.
func (b *box) List() []skills.Callable { return slices.Clone(b.list) }

var (
	errNoTool = errors.New("there is no such tool for this person here")
	errGone   = errors.New("the skill is gone")
)

// Call implements skills.Tools.
func (b *box) Call(ctx context.Context, c skills.Call) (skills.Result, error) {
	i := slices.IndexFunc(b.list, func(x skills.Callable) bool { return x.Name == c.Tool })
	if i < 0 {
		return skills.Result{}, fault.New(fault.Permanent, "call tool", errNoTool, fault.WithPublic("There is no such tool."))
	}
	tool := b.list[i]
	began := b.p.o.Now()
	r, err := b.run(ctx, tool, c)
	outcome := skills.ToolDone
	if err != nil {
		outcome = skills.ToolFailed
	}
	e, ended := b.t.Envelope, b.p.o.Now()
	b.p.o.Observer.Observe(core.Event{
		Stage: core.StageTool, At: ended, Took: ended.Sub(began), Trace: e.Trace, Account: e.In.Account, Kind: e.Kind,
		Skill: tool.Skill, Tool: tool.Name, Outcome: string(outcome), Err: err,
	})
	return r, err
}

// runs is how often a call is run that fails for now: a program that ended in the middle is
// there again for the second.
const runs = 2

func (b *box) run(ctx context.Context, tool skills.Callable, c skills.Call) (skills.Result, error) {
	for n := 0; ; n++ {
		handler, ok := b.p.o.Handler(tool.Skill)
		if !ok {
			return skills.Result{}, fault.New(fault.Permanent, "call "+tool.Name, errGone, fault.WithPublic("The tool is no longer there."))
		}
		t := b.turn(tool, c, n)
		w := &writer{}
		err := handler.Handle(ctx, t, w)
		if err == nil {
			return w.result(t.ID, tool.Skill)
		}
		if n+1 == runs || fault.ClassOf(err) != fault.Retryable || ctx.Err() != nil {
			return skills.Result{}, err
		}
	}
}

// turn makes the turn of a call, in its n-th run here.
func (b *box) turn(tool skills.Callable, c skills.Call, n int) *skills.Turn {
	e := b.t.Envelope
	e.ID = core.NewEnvelopeID(e.In.Account, core.KindMessage, "tool", c.ID)
	e.Kind, e.Native, e.ReplyTo, e.Album, e.Addressed, e.Parts = core.KindMessage, "", nil, "", true, nil
	if tool.Command {
		e.Parts = []core.Part{core.Command{Name: tool.Name, Args: string(c.Input)}}
	}
	t := &skills.Turn{
		ID: e.ID, Envelope: e, Args: string(c.Input), Person: b.t.Person, Key: b.t.Key, Role: b.t.Role, Rule: "(tool)",
		Now: b.p.o.Now(), Attempt: max(c.Attempt, 1) + n, Last: n+1 == runs, Input: c.Input,
		Called: &skills.Called{Tool: tool.Name, Call: c.ID}, Files: b.p.o.Files(e),
		Log: b.t.Log.With().Str("tool", tool.Name).Str("called", string(e.ID)).Logger(),
	}
	if b.t.Session != nil {
		t.Session = b.t.Session.Copy()
	}
	return t
}
