package app

import (
	"time"

	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// signals tell how many workers the pools of this node should have.
type signals struct {
	schedule *fleet.Schedule
	pools    []signalled
}

// signalled is a pool and what follows it.
type signalled struct {
	name string
	pool *pool.Pool
	*fleet.Signals
}

func newSignals(c models.Config) *signals {
	return &signals{schedule: fleet.NewSchedule(c.Prewarm, c.Default)}
}

// follow has a pool's options tell what comes and how long it takes. The pool made of
// them is given to add.
func follow(o *pool.Options) *fleet.Signals {
	s := fleet.NewSignals(fleet.SignalsOptions{Least: 1})
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
	return s
}

func (s *signals) add(name string, p *pool.Pool, by *fleet.Signals) {
	s.pools = append(s.pools, signalled{name, p, by})
}

// byName are the signals of all pools.
func (s *signals) byName() map[string]*fleet.Signals {
	all := make(map[string]*fleet.Signals, len(s.pools))
	for _, p := range s.pools {
		all[p.name] = p.Signals
	}
	return all
}

// states are what a scrape shows.
func (s *signals) states() []telemetry.PoolState {
	all := make([]telemetry.PoolState, 0, len(s.pools))
	for _, p := range s.pools {
		l := fleet.Load{Minimum: s.schedule.Minimum(p.name, time.Now())}
		for _, v := range p.pool.Versions() {
			l.QueueTokens, l.Waiting, l.Wait = l.QueueTokens+v.QueuedTokens, l.Waiting+v.Queued, max(l.Wait, v.Wait)
		}
		for _, w := range p.pool.Workers() {
			l.InFlight += w.InFlight
			if up(w) {
				l.Workers++
				l.Slots += w.Slots
			}
		}
		a := p.Advise(l)
		all = append(all, telemetry.PoolState{
			Pool: p.name, QueueTokens: l.QueueTokens, Waiting: l.Waiting, Wait: l.Wait, Utilization: a.Utilization,
			PerMinute: a.PerMinute, Demand: a.Demand, Advised: a.Workers, Minimum: l.Minimum,
		})
	}
	return all
}
