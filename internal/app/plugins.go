package app

import (
	"context"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
)

// makeSkills makes the set of skills, with those that are no part of the hub. One that cannot
// be taken is told and left out.
func (a *App) makeSkills(ctx context.Context, inside []skills.Skill) error {
	a.outside = newOutside(a, inside)
	if err := a.outside.use(); err != nil {
		return err
	}
	// What is configured before what lies in a folder: a name is the server's.
	if err := a.makeServers(ctx); err != nil {
		return err
	}
	if err := a.makePrograms(ctx); err != nil {
		return err
	}
	a.makeInstructions(ctx)
	return nil
}

// makePrograms takes the programs of the skills' folder.
func (a *App) makePrograms(ctx context.Context) error {
	cfg := a.cfg.Skills
	if cfg.Folder == "" {
		return nil
	}
	limits := plugin.DefaultLimits
	limits.Space = int64(cfg.Limits.Space)
	var err error
	a.folder, err = plugin.New(plugin.Options{
		Dir: cfg.Folder, Allow: allowed(a.cfg), Limits: limits,
		Command: a.o.command, Log: a.room("plugins"), Observe: a.telemetry.Plugin,
		Publish: func(all []*plugin.Skill) error { return a.outside.publish(fromPrograms, asSkills(all)) },
	})
	if err != nil {
		return fault.New(fault.NeedsHuman, "skills' folder", err)
	}
	a.closers = append(a.closers, a.folder.Close)
	if err := a.tellJail(ctx); err != nil {
		return err
	}
	a.folder.Load(ctx)
	return nil
}
