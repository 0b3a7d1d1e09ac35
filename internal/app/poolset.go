package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// settleEvery is how often it is looked whether what is waited for can answer.
const settleEvery = 100 * time.Millisecond

// poolset is the model pools of a hub, and exchanges them while it runs.
type poolset struct {
	// blend gives a pool of a name that is made of nothing yet, options what it is made from.
	blend   func(name string) *blend
	options func(name string, p models.PoolConfig, by *fleet.Signals) pool.Options
	// front gives what stands before a pool, in place of what did before, if anything.
	front func(name string, p models.PoolConfig, over *pool.Pool, c models.CacheConfig, before *front) *front
	// registry has what answers people, real what answers programs: the pools alone.
	registry, real *models.Registry
	// without answers people while there is no pool.
	without func() models.Offer
	log     zerolog.Logger
	running sync.WaitGroup
	// schedule is read by pools, whose locks come behind mu.
	schedule atomic.Pointer[fleet.Schedule]

	mu sync.Mutex
	// config is what is wanted.
	config models.Config
	blends map[string]*blend
	// retired are pools that are gone from the configuration, until they are idle.
	retired []*blend
	// fallback is the default pool that answers now: the wanted one as soon as it can.
	fallback string
	// ctx is that of run; nil before.
	ctx context.Context
}

// apply makes a configuration with its defaults what is wanted. An error changes nothing.
func (s *poolset) apply(c models.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, plans := map[string]*blend{}, map[string]plan{}
	for name, p := range c.Pools {
		b := s.blends[name]
		if b == nil {
			b = s.blend(name)
		}
		made, err := b.plan(p, s.options(name, p, b.signals))
		if err != nil {
			return err
		}
		next[name], plans[name] = b, made
	}
	first := len(s.blends) == 0
	for name, b := range s.blends {
		if next[name] == nil {
			s.retired = append(s.retired, b)
		}
	}
	s.config, s.blends = c, next
	s.schedule.Store(fleet.NewSchedule(c.Prewarm, c.Default))
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		b := next[name]
		b.commit(plans[name])
		s.stand(b)
		b.open = b.open || first
		s.start(b)
	}
	s.offer()
	return nil
}

// start has a pool probed, and its workers looked up.
func (s *poolset) start(b *blend) {
	if s.ctx == nil {
		return
	}
	if b.stop == nil {
		ctx, cancel := context.WithCancel(s.ctx)
		b.stop = cancel
		s.running.Go(func() { _ = b.Run(ctx) }) // it returns nil
	}
	b.follow(s.ctx, s)
}

// end is what becomes of a pool that is done.
func (b *blend) end() {
	for _, f := range b.following {
		if f.stop != nil {
			f.stop()
		}
	}
	if b.stop != nil {
		b.stop()
	}
	for _, f := range append(b.past, b.front) {
		f.close()
	}
	b.past = nil
}

// offer exchanges what the registries have. A pool that comes new is not in them before it
// can answer; the default pool of before answers until the new one can.
func (s *poolset) offer() {
	o := models.Offer{
		Pools: map[string]models.Client{}, Roles: map[string][]string{},
		Skills: s.config.Skills, Accounts: s.config.Accounts,
	}
	for name, b := range s.blends {
		b.open = b.open || b.answers()
		if b.open {
			o.Pools[name], o.Roles[name] = b.front, s.config.Pools[name].Roles
		}
	}
	if _, there := o.Pools[s.config.Default]; there || s.fallback == "" {
		s.fallback = s.config.Default
	}
	o.Default = s.fallback
	if _, there := o.Pools[o.Default]; !there && len(s.blends) > 0 {
		for _, b := range slices.Backward(s.retired) {
			if b.name == o.Default {
				o.Pools[o.Default] = b.front
				break
			}
		}
	}
	s.real.Offer(o)
	if len(s.blends) == 0 {
		o = s.without()
	}
	s.registry.Offer(o)
}

// run keeps the pools until ctx ends.
func (s *poolset) run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	for _, b := range s.blends {
		s.start(b) //nolint:contextcheck // ctx is what s has by now
	}
	s.mu.Unlock()
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.settle()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	s.mu.Lock()
	s.ctx = nil
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// settle looks whether what is waited for can answer by now, and ends what is done.
func (s *poolset) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.fallback != s.config.Default
	for _, b := range s.blends {
		b.clear()
		if len(b.pending) > 0 {
			b.settle(false)
		}
		waiting = waiting || !b.open
	}
	if waiting {
		s.offer()
	}
	s.retired = slices.DeleteFunc(s.retired, func(b *blend) bool {
		if b.name == s.fallback && s.blends[b.name] == nil && len(s.blends) > 0 || b.Busy() {
			return false
		}
		b.end()
		s.log.Info().Str("pool", b.name).Msg("model pool gone")
		return true
	})
}

// put gives a version the workers that were found for it, in place of those before.
func (s *poolset) put(b *blend, version string, by *following, set []fleet.Address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.following[version] != by {
		return // it was told to end
	}
	b.found[version] = set
	b.settle(false)
}

// all are the pools in the order of their names.
func (s *poolset) all() []*blend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.blends), func(x, y *blend) int { return strings.Compare(x.name, y.name) })
}

// names are those of the pools, in order. It is called with mu.
func (s *poolset) names() []string { return slices.Sorted(maps.Keys(s.blends)) }

// busy are the pools as other nodes hear of them, those that end too.
func (s *poolset) busy() map[string]busy {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]busy{}
	for _, b := range s.retired {
		all[b.name] = b.Pool
	}
	for name, b := range s.blends {
		all[name] = b.Pool
	}
	return all
}

// waits says what is waited for, as pool/version, and as pool for a whole one.
func (s *poolset) waits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, name := range s.names() {
		b := s.blends[name]
		if !b.open {
			all = append(all, name)
		}
		for _, version := range b.pending {
			all = append(all, name+"/"+version)
		}
	}
	return all
}
