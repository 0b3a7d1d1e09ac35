package app

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
)

// plugins are the skills that are programs of their own, beside those inside the hub.
type plugins struct {
	a      *App
	inside []skills.Skill
	folder *plugin.Folder
	// all are those that are published.
	all []*plugin.Skill
	// wrapped are the skills with their middleware, which counts and so outlives a change
	// of the set: by name for those inside, by version for the others.
	wrapped map[any]wrapped
	// changed is told when the menus are to be made anew.
	changed chan struct{}
}

// wrapped is a skill with its middleware; release gives back what that holds.
type wrapped struct {
	skills.Handler
	release func()
}

// makeSkills makes the set of skills, with those of the folder. A program that cannot be
// taken is told and left out.
func (a *App) makeSkills(ctx context.Context, inside []skills.Skill) error {
	set, err := skills.NewSet(inside...)
	if err != nil {
		return err
	}
	a.set.Store(set)
	cfg := a.cfg.Skills
	if cfg.Folder == "" {
		return nil
	}
	p := &plugins{a: a, inside: inside, wrapped: map[any]wrapped{}, changed: make(chan struct{}, 1)}
	limits := plugin.DefaultLimits
	limits.Space = int64(cfg.Limits.Space)
	p.folder, err = plugin.New(plugin.Options{
		Dir: cfg.Folder, Allow: plugin.Allow{Sums: cfg.Allow.Sums, Signers: cfg.Allow.Signers}, Limits: limits,
		Command: a.o.command, Log: a.room("plugins"), Observe: a.telemetry.Plugin, Publish: p.publish,
	})
	if err != nil {
		return fault.New(fault.NeedsHuman, "skills' folder", err)
	}
	a.closers = append(a.closers, p.folder.Close)
	if err := a.tellJail(ctx); err != nil {
		return err
	}
	a.plugins = p
	p.folder.Load(ctx)
	return nil
}

// publish has the hub use these programs beside the skills inside it: turns that begin from
// then on, help, and menus.
func (p *plugins) publish(all []*plugin.Skill) error {
	list := slices.Clone(p.inside)
	for _, s := range all {
		list = append(list, s)
	}
	set, err := skills.NewSet(list...)
	if err != nil {
		return err
	}
	if p.a.dispatcher == nil { // while the hub is put together, the routes come behind all skills
		p.a.set.Store(set)
		p.all = all
		return nil
	}
	table, err := newTable(p.a.cfg, set)
	if err != nil {
		return err
	}
	p.a.dispatcher.Use(table, set)
	p.a.set.Store(set)
	for _, s := range p.all {
		if w, ok := p.wrapped[s]; ok && !slices.Contains(all, s) {
			w.release()
			delete(p.wrapped, s)
		}
	}
	p.all = all
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return nil
}

// wrap gives a skill with its middleware, the same one each time.
func (a *App) wrap(s skills.Skill, with func(m skills.Manifest, world skills.Middleware) []skills.Middleware) skills.Handler {
	m := s.Manifest()
	if a.plugins == nil {
		return skills.Chain(s, with(m, a.world.Middleware(m))...)
	}
	var key any = m.Name
	program, outside := s.(*plugin.Skill)
	if outside {
		key = program
	}
	w, ok := a.plugins.wrapped[key]
	switch {
	case ok:
	case outside:
		world, release := a.world.Outside(m)
		w = wrapped{skills.Chain(s, with(m, world)...), release}
	default:
		w = wrapped{skills.Chain(s, with(m, a.world.Middleware(m))...), func() {}}
	}
	a.plugins.wrapped[key] = w
	return w.Handler
}

// menusChange waits until the menus are to be made anew.
func (a *App) menusChange(ctx context.Context) error {
	if a.plugins == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-a.plugins.changed:
		return errMenusChanged
	case <-ctx.Done():
		return nil
	}
}

var errMenusChanged = errors.New("the menus changed")
