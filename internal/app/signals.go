package app

import (
	"math"
	"time"

	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// follow has a pool's options tell what comes and how long it takes.
func follow(o *pool.Options, s *fleet.Signals) {
	admit, account := o.Admit, o.Account
	o.Admit = func(r models.Request) (func(models.Usage), error) {
		s.Arrived()
		return admit(r)
	}
	o.Account = func(a pool.Attempt) {
		if a.Outcome == pool.Served {
			s.Served(a.Took)
		}
		account(a)
	}
}

// signals are those of all pools.
func (s *poolset) signals() map[string]*fleet.Signals {
	all := map[string]*fleet.Signals{}
	for _, b := range s.all() {
		all[b.name] = b.signals
	}
	return all
}

// minimum is how many workers of a pool are to be warm now for an expected peak.
func (s *poolset) minimum(pool string) int { return s.schedule.Load().Minimum(pool, time.Now()) }

// warm is how many of a version's workers are to be kept warm now: those that are configured,
// and its part of what a peak is expected to take.
func (s *poolset) warm(pool string, p models.PoolConfig, version string) int {
	n := p.MinWarm
	if n == 0 && p.KeepWarm > 0 {
		n = math.MaxInt
	}
	own, total := 0, 0
	for _, v := range p.All() {
		total += v.Weight
		if v.Name == version {
			own = v.Weight
		}
	}
	if total > 0 {
		n = max(n, (s.minimum(pool)*own+total-1)/total)
	}
	return n
}

// states are what a scrape shows: how many workers the pools of this node should have.
func (s *poolset) states() []telemetry.PoolState {
	var all []telemetry.PoolState
	for _, p := range s.all() {
		l := fleet.Load{Minimum: s.minimum(p.name)}
		for _, v := range p.Versions() {
			l.QueueTokens, l.Waiting, l.Wait = l.QueueTokens+v.QueuedTokens, l.Waiting+v.Queued, max(l.Wait, v.Wait)
		}
		for _, w := range p.Workers() {
			l.InFlight += w.InFlight
			if up(w) {
				l.Workers++
				l.Slots += w.Slots
			}
		}
		a := p.signals.Advise(l)
		all = append(all, telemetry.PoolState{
			Pool: p.name, QueueTokens: l.QueueTokens, Waiting: l.Waiting, Wait: l.Wait, Utilization: a.Utilization,
			PerMinute: a.PerMinute, Demand: a.Demand, Advised: a.Workers, Minimum: l.Minimum,
		})
	}
	return all
}
