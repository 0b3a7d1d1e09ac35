package app

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/offline"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
	"github.com/parley-hub/parley/skills/chat"
)

// makeModels makes the pools. Without any in the configuration it looks for a
// worker at the usual local addresses, and else says honestly that there is none.
func (a *App) makeModels(ctx context.Context) error {
	a.workers = &http.Client{Transport: workerTransport()}
	file := a.localModels(ctx, a.cfg.Models.WithDefaults(), a.workers)
	a.registry, a.programs = &models.Registry{}, &models.Registry{}
	a.pools = &poolset{
		registry: a.registry, real: a.programs, without: a.offlineModel, log: a.room("models"),
		blend: func(name string) *blend {
			return &blend{
				name: name, signals: fleet.NewSignals(fleet.SignalsOptions{}), found: map[string][]fleet.Address{}, made: map[madeKey]madeWorker{},
				worker: func(w models.WorkerConfig, model string, p models.PoolConfig) (pool.Worker, error) {
					return a.newWorker(w, model, p, a.workers)
				},
			}
		},
		options: a.poolOptions, front: a.frontOf,
	}
	if a.cluster != nil {
		a.loads = newLoads(a.cluster, a.pools.busy, a.room("models"))
	}
	// What is ordered from here on is done by the running hub.
	var err error
	if a.control.seen, err = a.records.LastOrder(ctx); err != nil {
		return err
	}
	if err := a.takeFile(ctx, file); err != nil {
		return err
	}
	if err := a.telemetry.WatchCaches(a.pools.caches); err != nil {
		return err
	}
	return a.telemetry.WatchPools(a.pools.states)
}

// localModels gives the configuration, or where it has no pool one of a worker on this
// machine, if one answers.
func (a *App) localModels(ctx context.Context, cfg models.Config, client *http.Client) models.Config {
	if len(cfg.Pools) > 0 {
		return cfg
	}
	base, model, ok := models.Discover(ctx, a.candidates(), client)
	if !ok {
		a.log.Warn().Msg("no model worker is configured and none answers locally: the offline model says so")
		return cfg
	}
	a.log.Info().Str("worker", base).Str("model", model).Msg("found a model worker on this machine")
	cfg.Default = "local"
	cfg.Pools = map[string]models.PoolConfig{
		cfg.Default: {Model: model, Workers: []models.WorkerConfig{{URL: base}}},
	}
	return cfg.WithDefaults()
}

// offlineModel is what answers people without a worker.
func (a *App) offlineModel() models.Offer {
	var pace time.Duration
	if a.o.playground != nil {
		pace = playgroundPace
	}
	return models.Offer{Default: offline.Name, Pools: map[string]models.Client{
		offline.Name: a.troubled(offline.New(a.skillsWithoutModel, pace)),
	}}
}

// Models are the pools as skills and the endpoint see them.
func (a *App) Models() *models.Registry { return a.registry }

// troubled lets the playground make a model slow, or take it away.
func (a *App) troubled(c models.Client) models.Client {
	if a.o.playground == nil {
		return c
	}
	return a.o.playground.Model(c)
}

// poolOptions are all of a pool's but its versions.
func (a *App) poolOptions(name string, p models.PoolConfig, by *fleet.Signals) pool.Options {
	o := pool.Options{
		Name: name, Policy: p.Policy, Vision: p.Vision, FirstContent: p.FirstContent, Total: p.Total, Hedge: p.Hedge, Queue: p.Queue,
		Observer: a.observer, Log: a.room("models"), Account: a.account, Admit: a.usage.admit(served(p)),
	}
	if a.loads != nil {
		o.Elsewhere = a.loads.elsewhere(name)
	}
	o.KeepWarm, o.Warm = p.KeepWarm, func(version string) int { return a.pools.warm(name, p, version) }
	admit := o.Admit
	o.Shadow = pool.Shadow{
		Version: p.Shadow.Version, Share: float64(p.Shadow.Share) / 100,
		Admit: func(r models.Request) (func(models.Usage), error) {
			r.For = models.Payer{Account: shadowOf(name)}
			return admit(r)
		},
	}
	follow(&o, by)
	return o
}

func (a *App) newWorker(w models.WorkerConfig, model string, p models.PoolConfig, client *http.Client) (pool.Worker, error) {
	c, err := openaichat.New(openaichat.Options{
		Base: w.URL, Key: w.APIKey, HTTP: client, Worker: w.Name(), Kind: w.Kind, Overrides: w.Overrides,
		FirstContent: p.FirstContent, Idle: p.Idle, Transcribe: p.Total,
	})
	if err != nil {
		return pool.Worker{}, fault.New(fault.NeedsHuman, "model worker "+w.Name(), err)
	}
	warming := openaichat.Warming{Model: model, Opening: chat.Opening(a.cfg.Skills.Chat.Prompt, p.Vision)}
	if p.KeepWarm > 0 || p.MinWarm > 0 {
		warming.Keep = 2 * cmp.Or(p.KeepWarm, pool.DefaultKeepWarm)
	}
	return pool.Worker{
		Name: w.Name(), Client: a.troubled(c), Slots: w.Slots, Probe: c.Probe, Load: c.Load,
		Warm: func(ctx context.Context) error { return c.Warm(ctx, warming) },
		Tell: func(ctx context.Context) (models.Server, error) { return c.Discover(ctx, model) },
	}, nil
}

// candidates are the usual local addresses, without the one this hub listens on.
func (a *App) candidates() []string {
	_, own, err := net.SplitHostPort(a.cfg.HTTP.Listen)
	if err != nil {
		return models.DefaultCandidates()
	}
	return slices.DeleteFunc(models.DefaultCandidates(), func(c string) bool {
		u, err := url.Parse(c)
		return err != nil || u.Port() == own
	})
}

// workerTransport keeps connections to workers open: a pool of a few hosts with
// many answers at once.
func workerTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
	}
}

// skillsWithoutModel names what works while no model is connected.
func (a *App) skillsWithoutModel() []string {
	var names []string
	for _, s := range a.set.Load().All() {
		if m := s.Manifest(); !m.NeedsModel && len(m.Commands) > 0 {
			names = append(names, "/"+m.Commands[0].Name)
		}
	}
	return names
}
