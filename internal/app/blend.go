package app

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// blend is a pool and all that it is made from: what is configured and what is found. It
// is guarded by the mu of its poolset.
//
// What is wanted is not given to the pool before it can answer: a version that comes new
// gets no weight until one of its workers is ready, and as long as no wanted one can
// answer, those of before go on. So no request is lost to a change.
type blend struct {
	*pool.Pool
	name    string
	signals *fleet.Signals
	worker  func(models.WorkerConfig, string, models.PoolConfig) (pool.Worker, error)

	config models.PoolConfig
	// options are all but the versions.
	options pool.Options
	// following are the sources of versions that have workers found for them, found is
	// what they found, both by the version's name.
	following map[string]*following
	found     map[string][]fleet.Address
	// made are the workers that there are: one whose configuration stays is the same.
	made  map[madeKey]madeWorker
	count int

	// given is what the pool has. opened are the versions that had a ready worker since
	// they got weight; kept are workers of before that stand in until there is one.
	given  []pool.Version
	opened map[versionKey]bool
	kept   map[versionKey][]pool.Worker
	// pending says what is waited for; signed stands for what was given last.
	pending []string
	signed  string
	// open is false for a pool that nobody is to be sent to yet.
	open bool
	// front stands before the pool, past are those before it that still end answers.
	front *front
	past  []*front
	// stop ends its probes and sources; nil while they do not run.
	stop func()
}

// following is where the workers of a version are looked up.
type following struct {
	config models.DiscoverConfig
	source fleet.Source
	stop   func()
}

type (
	madeKey    struct{ version, model, worker string }
	madeWorker struct {
		pool.Worker
		from madeFrom
	}
	// madeFrom is all that a worker's client is made from.
	madeFrom struct {
		worker models.WorkerConfig
		pool   models.PoolConfig
	}
	versionKey struct{ name, model string }
)

func keyOf(v pool.Version) versionKey { return versionKey{v.Name, v.Model} }

// plan is a change of a blend of which everything that can fail has been done.
type plan struct {
	config    models.PoolConfig
	options   pool.Options
	following map[string]*following
}

// plan makes what a configuration needs beside what there is.
func (b *blend) plan(config models.PoolConfig, o pool.Options) (plan, error) {
	p := plan{config, o, map[string]*following{}}
	for _, v := range config.All() {
		for _, w := range v.Workers {
			if _, err := b.employ(v, w, config); err != nil {
				return p, err
			}
		}
		if v.Discover.IsZero() {
			continue
		}
		if f := b.following[v.Name]; f != nil && reflect.DeepEqual(f.config, v.Discover) {
			p.following[v.Name] = f
			continue
		}
		source, err := fleet.New(v.Discover, fleet.Options{})
		if err != nil {
			return p, fault.New(fault.ClassOf(err), "model pool "+b.name, err)
		}
		p.following[v.Name] = &following{config: v.Discover, source: source}
	}
	return p, nil
}

// commit makes a plan what is wanted. Sources that are wanted no more end.
func (b *blend) commit(p plan) {
	for name, f := range b.following {
		if p.following[name] != f && f.stop != nil {
			f.stop()
		}
		if p.following[name] == nil {
			delete(b.found, name)
		}
	}
	b.config, b.options, b.following = p.config, p.options, p.following
	b.signed = "" // whatever changed, the pool is to know
	b.settle(true)
}

// employ gives the worker of that configuration.
func (b *blend) employ(v models.VersionConfig, w models.WorkerConfig, config models.PoolConfig) (pool.Worker, error) {
	from := madeFrom{w, models.PoolConfig{
		FirstContent: config.FirstContent, Idle: config.Idle, Total: config.Total,
		Vision: config.Vision, KeepWarm: config.KeepWarm, MinWarm: config.MinWarm,
	}}
	at := madeKey{v.Name, v.Model, w.Name()}
	if known, ok := b.made[at]; ok && reflect.DeepEqual(known.from, from) {
		return known.Worker, nil
	}
	worker, err := b.worker(w, v.Model, config)
	if err != nil {
		return pool.Worker{}, err
	}
	b.count++
	worker.Revision = strconv.Itoa(b.count)
	b.made[at] = madeWorker{worker, from}
	return worker, nil
}

// wanted are the versions with the workers that are listed or were found.
func (b *blend) wanted() []pool.Version {
	var all []pool.Version
	for _, v := range b.config.All() {
		version := pool.Version{Name: v.Name, Model: v.Model, Weight: v.Weight}
		for _, w := range fleet.Workers(v.Workers, v.Discover, b.found[v.Name]) {
			worker, err := b.employ(v, w, b.config)
			if err != nil {
				b.options.Log.Error().Err(err).Str("pool", b.name).Str("version", v.Name).Msg("a worker that was found cannot be used")
				continue
			}
			version.Workers = append(version.Workers, worker)
		}
		all = append(all, version)
	}
	return all
}

// settle gives the pool what is wanted as far as it can answer. changed is true when the
// configuration did.
func (b *blend) settle(changed bool) {
	wanted := b.wanted()
	if b.Pool == nil {
		b.opened, b.kept = map[versionKey]bool{}, map[versionKey][]pool.Worker{}
		for _, v := range wanted {
			b.opened[keyOf(v)] = v.Weight > 0
		}
		b.give(wanted, nil)
		return
	}
	ready := b.ready()
	before := map[versionKey]pool.Version{}
	for _, g := range b.given {
		before[keyOf(g)] = g
	}
	opened, live := map[versionKey]bool{}, false
	for _, v := range wanted {
		at := keyOf(v)
		answers := slices.ContainsFunc(v.Workers, func(w pool.Worker) bool { return ready[madeKey{v.Name, v.Model, w.Name}] })
		if answers {
			delete(b.kept, at)
		} else if changed && b.opened[at] {
			b.kept[at] = standIns(before[at], v, ready)
		}
		if v.Weight > 0 && (answers || b.opened[at]) {
			opened[at], live = true, true
		}
	}
	if !live && !slices.ContainsFunc(b.given, weighed) {
		for _, v := range wanted { // nothing to wait with
			opened[keyOf(v)], live = v.Weight > 0, true
		}
	}
	for at := range b.kept {
		if !opened[at] {
			delete(b.kept, at)
		}
	}
	b.give(b.merge(wanted, before, opened, live))
	b.opened = opened
}

func weighed(v pool.Version) bool { return v.Weight > 0 }

// merge gives what the pool is to have, and what is waited for.
func (b *blend) merge(wanted []pool.Version, before map[versionKey]pool.Version, opened map[versionKey]bool, live bool) (next []pool.Version, pending []string) {
	for _, v := range wanted {
		at := keyOf(v)
		if v.Weight > 0 && !opened[at] {
			v.Weight = 0
			pending = append(pending, v.Name)
		}
		if stand := b.kept[at]; len(stand) > 0 {
			v.Workers = slices.Concat(v.Workers, stand)
			pending = append(pending, v.Name)
		}
		if old := before[at]; !live && old.Weight > 0 {
			v.Weight = old.Weight
		}
		next = append(next, v)
	}
	if live {
		return next, pending
	}
	for _, g := range b.given {
		if g.Weight > 0 && !slices.ContainsFunc(next, func(v pool.Version) bool { return keyOf(v) == keyOf(g) }) {
			next = append(next, g)
		}
	}
	return next, pending
}

// standIns are the workers of before that a version has no more, and that can answer.
func standIns(before, v pool.Version, ready map[madeKey]bool) []pool.Worker {
	var all []pool.Worker
	for _, w := range before.Workers {
		same := func(o pool.Worker) bool { return o.Name == w.Name }
		if !slices.ContainsFunc(v.Workers, same) && ready[madeKey{v.Name, v.Model, w.Name}] {
			all = append(all, w)
		}
	}
	return all
}

// ready are the workers that can answer.
func (b *blend) ready() map[madeKey]bool {
	all := map[madeKey]bool{}
	for _, w := range b.Workers() {
		if w.State == models.StateReady || w.State == models.StateDegraded {
			all[madeKey{w.Version, w.Model, w.Name}] = true
		}
	}
	return all
}

// give hands versions to the pool, unless it has them.
func (b *blend) give(versions []pool.Version, pending []string) {
	b.given, b.pending = versions, slices.Compact(pending)
	var sign strings.Builder
	used := map[madeKey]bool{}
	for _, v := range versions {
		fmt.Fprintf(&sign, "%q %q %d", v.Name, v.Model, v.Weight)
		for _, w := range v.Workers {
			used[madeKey{v.Name, v.Model, w.Name}] = true
			fmt.Fprintf(&sign, " %q %s", w.Name, w.Revision)
		}
		sign.WriteByte('\n')
	}
	maps.DeleteFunc(b.made, func(at madeKey, _ madeWorker) bool { return !used[at] })
	if b.Pool != nil && sign.String() == b.signed {
		return
	}
	b.signed = sign.String()
	o := b.options
	o.Versions = versions
	if b.Pool == nil {
		b.Pool = pool.New(o)
		return
	}
	b.Reload(o)
	b.options.Log.Info().Str("pool", b.name).Str("weights", spellWeights(versions)).Strs("waiting_for", b.pending).Msg("model pool changed")
}

// spellWeights writes versions as "models use" takes them.
func spellWeights(versions []pool.Version) string {
	var all []string
	for _, v := range versions {
		all = append(all, v.Name+"="+strconv.Itoa(v.Weight))
	}
	return strings.Join(all, " ")
}

// answers tells whether any version with weight has a ready worker.
func (b *blend) answers() bool {
	ready := b.ready()
	for _, v := range b.given {
		for _, w := range v.Workers {
			if ready[madeKey{v.Name, v.Model, w.Name}] && v.Weight > 0 {
				return true
			}
		}
	}
	return false
}

// follow has workers looked up by the sources that are not asked yet, until ctx ends.
func (b *blend) follow(ctx context.Context, s *poolset) {
	for version, f := range b.following {
		if f.stop != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		f.stop = cancel
		s.running.Go(func() {
			defer cancel()
			fleet.Follow(ctx, map[string]fleet.Source{b.name + "/" + version: f.source}, func(at string, set []fleet.Address, err error) {
				log := s.log.With().Str("version", at).Int("workers", len(set)).Logger()
				if err != nil {
					log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg("workers cannot be looked up; those that are known stay")
					return
				}
				log.Debug().Msg("workers were looked up")
				s.put(b, version, f, set)
			})
		})
	}
}
