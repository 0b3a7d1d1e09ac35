package app

import (
	"context"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/tools"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
)

// makeBrain makes what decides and answers: skills, routes, the dispatcher.
func (a *App) makeBrain(ctx context.Context) error {
	p := parts{config: a.cfg, models: a.registry, real: a.programs, status: a.report, people: a.people, observer: a.observer, playground: a.o.playground != nil}
	if a.o.playground == nil { // there, links would lead out of it
		p.doors = a.doors
	}
	p.list = func(role skills.Role, place core.Place) []skills.Manifest { return a.set.Load().For(role, place) }
	if err := a.makeMeanings(); err != nil {
		return err
	}
	if err := a.makeSkills(ctx, append(builtin(p), a.o.skills...)); err != nil {
		return err
	}
	if problems := a.skillProblems(a.cfg.Models); len(problems) > 0 {
		return &configs.Problems{File: a.o.File, List: problems}
	}
	table, err := newTable(a.cfg, a.set.Load())
	if err != nil {
		return err
	}
	a.weighs(a.set.Load())
	a.makeWorld()
	limiter := skills.NewLimiter(skills.LimitOptions{
		Count: a.cfg.Skills.Rate.Count, Per: a.cfg.Skills.Rate.Per, Burst: a.cfg.Skills.Rate.Burst,
		MaxText: a.cfg.Skills.MaxText,
	})
	if err := a.telemetry.WatchLimits(limiter.Refused); err != nil {
		return err
	}
	memories := router.Memories{Directory: a.people.directory, Policy: a.people.policy}
	files := adapters.NewFiles(adapters.FilesOptions{Store: a.blobs, Adapters: a.adapters, MaxSize: int64(a.cfg.Media.MaxSize)})
	filesOf := func(e core.Envelope) skills.Files { return files.For(e) }
	a.tools = tools.New(tools.Options{
		Skills: a.set.Load, Files: filesOf, Observer: a.observer, Now: time.Now,
		Handler: func(skill string) (skills.Handler, bool) { return a.dispatcher.Handler(skill) },
	})
	a.intake = &gate{inbox: router.NewIntake(a.queue, memories, a.observer, time.Now)}
	a.dispatcher = router.NewDispatcher(router.DispatcherOptions{
		Queue: a.queue, Table: table, Skills: a.set.Load(), Memories: memories, Drafts: drafts{a}, Lane: a.lane, Ledger: ledger{},
		Files:    filesOf,
		Observer: a.observer, Log: a.room("router"), Now: time.Now, Slots: turnSlots, Collect: a.cfg.Collect,
		Intents: a.meanings, Ambient: a.cfg.Session.Ambient, Grace: a.cfg.Shutdown * 6 / 10,
		Wrap: func(s skills.Skill) skills.Handler {
			return a.outside.wrap(s, func(m skills.Manifest, world skills.Middleware) []skills.Middleware {
				return []skills.Middleware{
					skills.Recover(), skills.Access(m), limiter.Middleware, skills.CallsPerMinute(m), skills.Input(m),
					skills.Observe(m, a.observer, time.Now), skills.Timeout(m, a.cfg.Skills.Timeout), tellRefusal, world, a.tools.Middleware(m),
				}
			})
		},
	})
	return nil
}

// turnSlots is how many turns run at once. A turn mostly waits for its worker, so
// this bounds memory, not the processor: the pools bound the work.
const turnSlots = 512
