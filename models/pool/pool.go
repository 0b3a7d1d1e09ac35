package pool

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

// Pool is a Client over several workers. Each conversation has its version of the model,
// by the versions' weights; each request of it goes to the worker where it is answered
// soonest, waits in line while all are busy, and begins again on another worker as long
// as nobody has seen anything of the answer.
//
// The load signal is the pool's own count of answers in flight: it is exact and never
// late. Only attempts change it, never probes, and never a request that waits.
type Pool struct {
	name string
	// now is what requests that come are admitted to. It is never changed, only
	// exchanged.
	now atomic.Pointer[snapshot]
	// woken tells Run that there are other workers than before.
	woken chan struct{}

	// mu guards everything below, and all workers and lanes.
	mu      sync.Mutex
	workers map[id]*worker
	lanes   map[laneID]*lane
	// leaving are the lanes of versions that a reload took away, until nobody uses them.
	leaving []*lane
	retries bucket
	hedges  quota
	// life is Run's context, nil before; shadows are the copies of requests under way in it.
	life    context.Context
	shadows sync.WaitGroup
	// changes are what is to be logged once mu is free.
	changes []change
	// candidates and found are made anew by every pick.
	candidates []routing.Worker
	found      []*worker
}

var (
	_ models.Client      = (*Pool)(nil)
	_ models.Embedder    = (*Pool)(nil)
	_ models.Transcriber = (*Pool)(nil)
)

// New makes a pool. Its workers are NEW until Run probes them or a request reaches them.
func New(o Options) *Pool {
	p := &Pool{name: o.Name, woken: make(chan struct{}, 1), workers: map[id]*worker{}, lanes: map[laneID]*lane{}}
	p.apply(o.withDefaults())
	return p
}

// Reload changes the pool to other options. Requests that were admitted before keep their
// version until they are done; what is known about workers that stay is kept. Workers
// that are gone finish what they have begun.
func (p *Pool) Reload(o Options) {
	p.apply(o.withDefaults())
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// unlock frees mu and logs what has changed under it.
func (p *Pool) unlock() {
	changes := p.changes
	p.changes = nil
	p.mu.Unlock()
	for _, c := range changes {
		c.log(p)
	}
}

// Vision tells whether the pool's model sees pictures.
func (p *Pool) Vision() bool { return p.now.Load().o.Vision }

// Tools tells whether the pool's model calls tools: whether each version that has workers has
// one that can.
func (p *Pool) Tools() bool {
	s := p.now.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	able := false
	for _, v := range s.versions {
		if v.share() == 0 || len(v.lane.workers) == 0 {
			continue
		}
		if !slices.ContainsFunc(v.lane.workers, need{tools: true}.met) {
			return false
		}
		able = true
	}
	return able
}

// Loads gives how many requests this node has at each worker that has any.
func (p *Pool) Loads() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]int{}
	for _, w := range p.workers {
		if w.inFlight > 0 {
			all[w.name] += w.inFlight
		}
	}
	return all
}

// Workers shows the workers in the order of the configuration, then those that drain.
func (p *Pool) Workers() []models.WorkerStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []models.WorkerStatus
	now := time.Now()
	for _, v := range p.now.Load().versions {
		for _, w := range v.lane.workers {
			all = append(all, w.status(now, p.name, v.name))
		}
	}
	for _, l := range p.leaving {
		for _, w := range l.workers {
			if w.draining && !slices.ContainsFunc(all, w.is) {
				all = append(all, w.status(now, p.name, l.name))
			}
		}
	}
	for _, w := range p.workers {
		if w.draining && !slices.ContainsFunc(all, w.is) {
			all = append(all, w.status(now, p.name, ""))
		}
	}
	return all
}

// Versions shows the versions in the order of the configuration.
func (p *Pool) Versions() []models.VersionStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []models.VersionStatus
	for _, v := range p.now.Load().versions {
		var wait time.Duration
		if n := v.lane.line.Len(); n > 0 {
			wait = v.lane.wait(n + 1)
		}
		all = append(all, models.VersionStatus{
			Wait: wait, Pool: p.name, Name: v.name, Model: v.model, Weight: v.share(), RolledBack: v.lane.rolledBack,
			Queued: v.lane.line.Len(), QueuedTokens: v.lane.line.Tokens(),
		})
	}
	return all
}

// change is a line of the log.
type change struct {
	worker, version string
	from, to        models.State
	err             error
	// what is a warning of its own.
	what string
}

func (c change) log(p *Pool) {
	log := &p.now.Load().o.Log
	switch {
	case c.what != "":
		log.Warn().Str("pool", p.name).Str("worker", c.worker).Msg(c.what)
	case c.version != "":
		log.Error().Err(c.err).Str("pool", p.name).Str("version", c.version).Msg("version of a model rolled back")
	case c.to == models.StateConfigError:
		log.Error().Err(c.err).Str("pool", p.name).Str("worker", c.worker).Msg("model worker refuses our key")
	default:
		log.Info().AnErr("because", c.err).Str("pool", p.name).Str("worker", c.worker).
			Str("from", string(c.from)).Str("to", string(c.to)).Msg("model worker changed")
	}
}

// float draws from [0, 1).
func (o Options) float() float64 {
	return float64(o.Rand(math.MaxInt32)) / math.MaxInt32
}
