package app

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// fleets gives pools the workers that are found while the hub runs.
type fleets struct {
	log     zerolog.Logger
	sources map[string]fleet.Source
	// asked are who gets what a source finds.
	asked map[string]asker
}

// asker is a version of a pool's model that has workers found for it.
type asker struct {
	version string
	blend   *blend
}

func newFleets(log zerolog.Logger) *fleets {
	return &fleets{log: log, sources: map[string]fleet.Source{}, asked: map[string]asker{}}
}

// add has workers found for the versions of a pool that are configured so.
func (f *fleets) add(name string, b *blend) error {
	for _, v := range b.config.All() {
		if v.Discover.IsZero() {
			continue
		}
		source, err := fleet.New(v.Discover, fleet.Options{})
		if err != nil {
			return fault.New(fault.ClassOf(err), "model pool "+name, err)
		}
		at := name + "/" + v.Name
		f.sources[at], f.asked[at] = source, asker{v.Name, b}
	}
	return nil
}

// run follows all sources until ctx ends.
func (f *fleets) run(ctx context.Context) error {
	fleet.Follow(ctx, f.sources, func(at string, set []fleet.Address, err error) {
		log := f.log.With().Str("version", at).Int("workers", len(set)).Logger()
		if err != nil {
			log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg("workers cannot be looked up; those that are known stay")
			return
		}
		log.Debug().Msg("workers were looked up")
		if err := f.asked[at].blend.put(f.asked[at].version, set); err != nil {
			log.Error().Err(err).Msg("workers that were found cannot be used")
		}
	})
	return nil
}

// blend is a pool and all that it is made from: what is configured and what is found.
// It is not safe for concurrent use.
type blend struct {
	*pool.Pool
	config  models.PoolConfig
	options pool.Options
	worker  func(models.WorkerConfig, string) (pool.Worker, error)
	found   map[string][]fleet.Address
	// made are the workers that the pool has, by version and name: one that stays is the
	// same.
	made map[[2]string]pool.Worker
}

// versions makes the workers that are listed or were found.
func (b *blend) versions() ([]pool.Version, error) {
	var all []pool.Version
	made := map[[2]string]pool.Worker{}
	for _, v := range b.config.All() {
		version := pool.Version{Name: v.Name, Model: v.Model, Weight: v.Weight}
		for _, w := range fleet.Workers(v.Workers, v.Discover, b.found[v.Name]) {
			at := [2]string{v.Name, w.Name()}
			worker, known := b.made[at]
			if !known {
				var err error
				if worker, err = b.worker(w, v.Model); err != nil {
					return nil, err
				}
			}
			made[at] = worker
			version.Workers = append(version.Workers, worker)
		}
		all = append(all, version)
	}
	b.made = made
	return all, nil
}

// put gives a version the workers that were found for it, in place of those before.
func (b *blend) put(version string, set []fleet.Address) error {
	b.found[version] = set
	versions, err := b.versions()
	if err != nil {
		return err
	}
	b.options.Versions = versions
	b.Reload(b.options)
	return nil
}
