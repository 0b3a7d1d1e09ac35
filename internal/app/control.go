package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/records"
)

// controlEvery is how often it is looked whether an operator ordered something.
const controlEvery = 300 * time.Millisecond

// control does what operators order while the hub runs. All of it is done by one goroutine,
// after New.
type control struct {
	// file is what the configuration says of models, with what is found on this machine.
	file models.Config
	// seen is the last order that was done.
	seen int64
}

// orders waits for orders and hang-ups until ctx ends.
func (a *App) orders(ctx context.Context) error {
	tick := time.NewTicker(controlEvery)
	defer tick.Stop()
	log, failing := a.room("models"), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.o.Hangup:
			_, _ = a.reload(ctx) // it is logged
			continue
		case <-tick.C:
		}
		err := a.obey(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failing {
			log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg("orders of operators cannot be read; they are done when they can")
		}
		failing = err != nil
	}
}

// obey does what was ordered since the last look.
func (a *App) obey(ctx context.Context) error {
	all, err := a.records.OrdersSince(ctx, a.control.seen)
	if err != nil || len(all) == 0 {
		return err
	}
	r := report{}
	if slices.ContainsFunc(all, func(o records.Order) bool { return o.What == records.OrderReload }) {
		r.Restart, err = a.reload(ctx)
		r.fail(err)
	}
	if slices.ContainsFunc(all, func(o records.Order) bool { return o.What == records.OrderUse }) {
		over, err := a.switchOver(ctx)
		if err != nil && fault.ClassOf(err) == fault.Retryable {
			return err // the order waits until the switches can be read
		}
		r.Over = over
		r.fail(err)
	}
	a.control.seen = all[len(all)-1].ID
	return a.tell(ctx, r)
}

// reload reads the configuration anew and takes what it says of models. Keys that need a
// restart are told. An error has changed nothing.
func (a *App) reload(ctx context.Context) (restart []string, err error) {
	log := a.room("models")
	defer func() {
		if err != nil {
			log.Error().Err(err).Msg("the configuration was not reloaded; what was before holds")
		}
	}()
	if a.o.Reload == nil {
		return nil, errors.New("this hub was started without a configuration file, so there is nothing to reload")
	}
	next, warnings, err := a.o.Reload()
	for _, w := range warnings {
		log.Warn().Msg(w.String())
	}
	if err == nil {
		err = a.fits(next)
	}
	if err != nil {
		return nil, err
	}
	file := a.localModels(ctx, next.Models.WithDefaults(), a.workers)
	if err := a.takeFile(ctx, file); err != nil {
		return nil, err
	}
	a.usage.reload(next.Models)
	for _, path := range configs.Changed(a.o.loaded, next) {
		if path != "models" && !strings.HasPrefix(path, "models.") {
			log.Warn().Str("path", path).Msg("changed in the configuration, and needs a restart")
			restart = append(restart, path)
		}
	}
	now := *a.cfg
	now.Models = next.Models
	a.running.Store(&now)
	log.Info().Strs("need_restart", restart).Strs("waiting_for", a.pools.waits()).Msg("the configuration of models was reloaded")
	return restart, nil
}

// fits tells what of a configuration does not fit to the routes and skills of this process,
// which stay as they are.
func (a *App) fits(next *configs.Config) error {
	p := &configs.Problems{File: a.o.File}
	for i, r := range a.cfg.Routes {
		_, before := a.cfg.Models.Pools[r.To.Model]
		if _, there := next.Models.Pools[r.To.Model]; r.To.Model != "" && before && !there {
			p.List = append(p.List, configs.Problem{
				Path: "models.pools." + r.To.Model,
				Text: fmt.Sprintf("cannot be taken away: routes[%d] of the running hub names it; a restart with another route can", i),
			})
		}
	}
	p.List = append(p.List, a.skillProblems(next.Models)...)
	if len(p.List) > 0 {
		return p
	}
	return nil
}

// skillProblems tells of models for skills that are not there.
func (a *App) skillProblems(c models.Config) []configs.Problem {
	var found []configs.Problem
	for name := range c.Skills {
		if _, ok := a.set.Load().ByName(name); !ok {
			found = append(found, configs.Problem{Path: "models.skills." + name, Text: "must stand beside the name of a skill"})
		}
	}
	if err := cachedSkills(c.Cache, a.set.Load()); err != nil {
		found = append(found, configs.Problem{Path: "models.cache", Text: strings.TrimPrefix(err.Error(), "models.cache: ")})
	}
	slices.SortFunc(found, func(x, y configs.Problem) int { return strings.Compare(x.Path, y.Path) })
	return found
}

// switchOver takes the switches as they are now, and gives the pools whose switch does not
// hold: the configuration says something else than when it was made.
func (a *App) switchOver(ctx context.Context) (over []string, err error) {
	pools, _, err := a.take(ctx, a.control.file)
	return pools, err
}

// takeFile makes a configuration that was read hold, with the switches laid over it. Those
// that do not fit to it any more are over: else they would come back with one of before.
func (a *App) takeFile(ctx context.Context, file models.Config) error {
	_, over, err := a.take(ctx, file)
	if err != nil {
		return err
	}
	log := a.room("models")
	for _, sw := range over {
		log.Info().Str("pool", sw.Pool).Str("weights", sw.Weights).Str("by", sw.Actor).
			Msg("an operator's choice of versions is over: the configuration says something else than when it was made")
		if err := a.records.EndSwitch(ctx, sw); err != nil {
			return err
		}
	}
	return nil
}

// take makes what the configuration says of models hold, with the switches laid over it. It
// gives those that do not fit to it, and their pools.
func (a *App) take(ctx context.Context, file models.Config) (pools []string, over []records.Switch, err error) {
	switches, err := a.records.Switches(ctx)
	if err != nil {
		return nil, nil, err
	}
	laid, over := lay(file, switches)
	if err := a.pools.apply(laid); err != nil { //nolint:contextcheck // requests are admitted after this is over
		return nil, nil, err
	}
	a.control.file = file
	for _, sw := range over {
		pools = append(pools, sw.Pool)
	}
	return pools, over, nil
}

// tell says how the models of this hub are.
func (a *App) tell(ctx context.Context, r report) error {
	r.Version, r.Waits = a.o.Version, a.pools.waits()
	r.Default = a.registry.Default()
	for _, v := range a.registry.Versions() {
		r.Versions = append(r.Versions, reportVersion{v.Pool, v.Name, v.Model, v.Weight, v.RolledBack, v.Queued})
	}
	for _, w := range a.registry.Workers() {
		err := ""
		if w.Err != nil {
			err = w.Err.Error()
		}
		r.Workers = append(r.Workers, reportWorker{
			Pool: w.Pool, Version: w.Version, Name: w.Name, Model: w.Model, State: string(w.State),
			InFlight: w.InFlight, Slots: w.Slots, Others: w.Others, Until: w.WaitUntil, Err: err,
		})
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fault.New(fault.Bug, "report", err)
	}
	return a.records.Report(ctx, records.Report{Node: a.node(), Seen: a.control.seen, At: time.Now(), Body: string(body)})
}

// node is what other nodes call this one; empty for a hub alone.
func (a *App) node() string {
	if a.cluster == nil {
		return ""
	}
	return a.cluster.Node()
}
