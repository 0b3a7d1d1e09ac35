package app

import (
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
)

// makeModels makes the pools. Without any in the configuration it looks for a
// worker at the usual local addresses, and else says honestly that there is none.
func (a *App) makeModels(ctx context.Context) error {
	client := &http.Client{Transport: workerTransport()}
	cfg := a.cfg.Models.WithDefaults()
	if len(cfg.Pools) == 0 {
		base, model, ok := models.Discover(ctx, a.candidates(), client)
		if !ok {
			a.log.Warn().Msg("no model worker is configured and none answers locally: the offline model says so")
			var pace time.Duration
			if a.o.playground != nil {
				pace = playgroundPace
			}
			a.registry = models.NewRegistry(offline.Name, map[string]models.Client{
				offline.Name: a.troubled(offline.New(a.skillsWithoutModel, pace)),
			})
			return nil
		}
		a.log.Info().Str("worker", base).Str("model", model).Msg("found a model worker on this machine")
		cfg.Default = "local"
		cfg.Pools = map[string]models.PoolConfig{
			cfg.Default: {Model: model, Workers: []models.WorkerConfig{{URL: base}}},
		}
		cfg = cfg.WithDefaults()
	}
	clients, shared := map[string]models.Client{}, map[string]busy{}
	if a.cluster != nil {
		a.loads = newLoads(a.cluster, func() map[string]busy { return shared }, a.room("models"))
	}
	a.fleets, a.signals = newFleets(a.room("models")), newSignals(cfg)
	for name, p := range cfg.Pools {
		pool, err := a.newPool(name, p, client) //nolint:contextcheck // requests are admitted after this start is over
		if err != nil {
			return err
		}
		a.pools = append(a.pools, pool)
		clients[name], shared[name] = pool, pool
	}
	a.registry = models.NewRegistry(cfg.Default, clients)
	return a.telemetry.WatchPools(a.signals.states)
}

// troubled lets the playground make a model slow, or take it away.
func (a *App) troubled(c models.Client) models.Client {
	if a.o.playground == nil {
		return c
	}
	return a.o.playground.Model(c)
}

func (a *App) newPool(name string, p models.PoolConfig, client *http.Client) (*pool.Pool, error) {
	o := pool.Options{
		Name: name, Policy: p.Policy, Vision: p.Vision, FirstContent: p.FirstContent, Total: p.Total, Hedge: p.Hedge, Queue: p.Queue,
		Observer: a.observer, Log: a.room("models"), Account: a.usage.account, Admit: a.usage.admit(served(p)),
	}
	if a.loads != nil {
		o.Elsewhere = a.loads.elsewhere(name)
	}
	by := follow(&o)
	b := &blend{
		config: p, options: o, found: map[string][]fleet.Address{},
		worker: func(w models.WorkerConfig, model string) (pool.Worker, error) {
			return a.newWorker(w, model, p, client)
		},
	}
	versions, err := b.versions()
	if err != nil {
		return nil, err
	}
	b.options.Versions = versions
	b.Pool = pool.New(b.options)
	a.signals.add(name, b.Pool, by)
	return b.Pool, a.fleets.add(name, b)
}

func (a *App) newWorker(w models.WorkerConfig, model string, p models.PoolConfig, client *http.Client) (pool.Worker, error) {
	c, err := openaichat.New(openaichat.Options{
		Base: w.URL, Key: w.APIKey, HTTP: client, Worker: w.Name(), Kind: w.Kind, Overrides: w.Overrides,
		FirstContent: p.FirstContent, Idle: p.Idle, Transcribe: p.Total,
	})
	if err != nil {
		return pool.Worker{}, fault.New(fault.NeedsHuman, "model worker "+w.Name(), err)
	}
	return pool.Worker{Name: w.Name(), Client: a.troubled(c), Slots: w.Slots, Probe: c.Probe, Tell: func(ctx context.Context) (models.Server, error) {
		return c.Discover(ctx, model)
	}}, nil
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
