package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/prompts"
)

// plugins are the skills of the folder, beside those inside the hub: programs of their own,
// and instructions for the model.
type plugins struct {
	a       *App
	inside  []skills.Skill
	folder  *plugin.Folder
	prompts *prompts.Folder

	// mu is held while what is published changes: each kind is looked after by itself.
	mu sync.Mutex
	// all are those that are published, by the kind of theirs.
	all map[string][]skills.Skill
	// wrapped are the skills with their middleware, which counts and so outlives a change
	// of the set: by name for those inside, by version for the others.
	wrapped map[any]skills.Handler
	// changed is told when the menus are to be made anew.
	changed chan struct{}
}

// The kinds of skills in the folder, in the order in which help and menus have them.
const (
	kindPrograms = "programs"
	kindPrompts  = "prompts"
)

// makeSkills makes the set of skills, with those of the folder. One that cannot be taken is
// told and left out.
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
	p := &plugins{a: a, inside: inside, all: map[string][]skills.Skill{}, wrapped: map[any]skills.Handler{}, changed: make(chan struct{}, 1)}
	allow := plugin.Allow{Sums: cfg.Allow.Sums, Signers: cfg.Allow.Signers}
	p.folder, err = plugin.New(plugin.Options{
		Dir: cfg.Folder, Allow: allow, Command: a.o.command, Log: a.room("plugins"), Observe: a.telemetry.Plugin,
		Publish: func(all []*plugin.Skill) error { return p.publish(kindPrograms, asSkills(all)) },
	})
	if err != nil {
		return fault.New(fault.NeedsHuman, "skills' folder", err)
	}
	a.closers = append(a.closers, p.folder.Close)
	if err := a.tellJail(ctx); err != nil {
		return err
	}
	p.prompts = prompts.New(prompts.Options{
		Dir: cfg.Folder, Allow: allow.Check, Talk: a.talk, Permissions: chat.Permissions(chat.ToolOptions(a.cfg.Skills.Chat.Tools)), Log: a.room("prompts"), Observe: a.telemetry.Plugin,
		Publish: func(all []*prompts.Skill) error { return p.publish(kindPrompts, asSkills(all)) },
	})
	a.plugins = p
	p.folder.Load(ctx)
	p.prompts.Load()
	return nil
}

// asSkills are skills of one kind as skills.
func asSkills[S skills.Skill](all []S) []skills.Skill {
	out := make([]skills.Skill, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

// publish has the hub use these skills of a kind beside all others: turns that begin from
// then on, help, and menus.
func (p *plugins) publish(kind string, all []skills.Skill) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := maps.Clone(p.all)
	next[kind] = all
	outside := slices.Concat(next[kindPrograms], next[kindPrompts])
	set, err := skills.NewSet(slices.Concat(p.inside, outside)...)
	if err != nil {
		return err
	}
	if p.a.dispatcher == nil { // while the hub is put together, the routes come behind all skills
		p.a.set.Store(set)
		p.all = next
		return nil
	}
	table, err := newTable(p.a.cfg, set)
	if err != nil {
		return err
	}
	p.a.dispatcher.Use(table, set)
	p.a.set.Store(set)
	p.a.weighs(set)
	for _, s := range p.all[kind] {
		if !slices.Contains(all, s) {
			delete(p.wrapped, any(s))
		}
	}
	p.all = next
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return nil
}

// wrap gives a skill with its middleware, the same one each time.
func (a *App) wrap(s skills.Skill, with func(skills.Manifest) []skills.Middleware) skills.Handler {
	if a.plugins == nil {
		return skills.Chain(s, with(s.Manifest())...)
	}
	var key any = s.Manifest().Name
	switch s.(type) {
	case *plugin.Skill, *prompts.Skill:
		key = s
	}
	h, ok := a.plugins.wrapped[key]
	if !ok {
		h = skills.Chain(s, with(s.Manifest())...)
		a.plugins.wrapped[key] = h
	}
	return h
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
