package app

import (
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

// minimum is how many workers of a pool are to be warm now for an expected peak.
func (s *poolset) minimum(pool string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.Minimum(pool, time.Now())
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
