package app

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/parley-hub/parley/skills"
)

// outside are the skills that are no part of the hub: they come, change and go while it runs.
type outside struct {
	a      *App
	inside []skills.Skill

	// One source at a time changes what is below.
	mu sync.Mutex
	// of are those that are published, by who brings them.
	of map[source][]skills.Skill
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

// source is who brings skills. The order is that of the set.
type source int

// The sources.
const (
	fromPrograms source = iota
	fromInstructions
	fromServers
	sources
)

func newOutside(a *App, inside []skills.Skill) *outside {
	return &outside{a: a, inside: inside, of: map[source][]skills.Skill{}, wrapped: map[any]wrapped{}, changed: make(chan struct{}, 1)}
}

// publish has the hub use these skills of a source beside all others: turns that begin from
// then on, help, and menus. An error leaves it as it was.
func (o *outside) publish(from source, now []skills.Skill) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.of[from]
	o.of[from] = now
	if err := o.use(); err != nil {
		o.of[from] = was
		return err
	}
	for _, s := range was {
		if w, ok := o.wrapped[s]; ok && !slices.Contains(now, s) {
			w.release()
			delete(o.wrapped, s)
		}
	}
	return nil
}

// use makes the set and has the hub use it.
func (o *outside) use() error {
	list := slices.Clone(o.inside)
	for from := range sources {
		list = append(list, o.of[from]...)
	}
	set, err := skills.NewSet(list...)
	if err != nil {
		return err
	}
	if o.a.dispatcher == nil { // while the hub is put together, the routes come behind all skills
		o.a.set.Store(set)
		return nil
	}
	table, err := newTable(o.a.cfg, set)
	if err != nil {
		return err
	}
	o.a.dispatcher.Use(table, set)
	o.a.set.Store(set)
	o.a.weighs(set)
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return nil
}

// wrap gives a skill with its middleware, the same one each time. It is called while a set
// is put to use.
func (o *outside) wrap(s skills.Skill, with func(m skills.Manifest, world skills.Middleware) []skills.Middleware) skills.Handler {
	m := s.Manifest()
	var key any = m.Name
	world := o.a.world.Middleware
	for from := range sources {
		if !slices.Contains(o.of[from], s) {
			continue
		}
		key = s
		if from == fromPrograms {
			world = o.a.world.Outside
		}
	}
	w, ok := o.wrapped[key]
	if !ok {
		its, release := world(m)
		w = wrapped{skills.Chain(s, with(m, its)...), release}
		o.wrapped[key] = w
	}
	return w.Handler
}

// asSkills are skills of one kind as skills.
func asSkills[S skills.Skill](list []S) []skills.Skill {
	out := make([]skills.Skill, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// menusChange waits until the menus are to be made anew.
func (o *outside) menusChange(ctx context.Context) error {
	select {
	case <-o.changed:
		return errMenusChanged
	case <-ctx.Done():
		return nil
	}
}

var errMenusChanged = errors.New("the menus changed")
