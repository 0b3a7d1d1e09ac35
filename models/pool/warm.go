package pool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/models"
)

// DefaultKeepWarm is shorter than Ollama keeps a model that nobody asks (5 minutes).
const DefaultKeepWarm = 4 * time.Minute

// warmsDue lists the workers that are to be warmed because nobody has asked them for too
// long: of each version as many as are to be warm, those first that were asked last.
func (p *Pool) warmsDue() []*worker {
	o := &p.now.Load().o
	now := time.Now()
	var due []*worker
	for _, v := range p.now.Load().versions {
		n := o.Warm(v.name)
		if n <= 0 {
			continue
		}
		p.mu.Lock()
		able := slices.DeleteFunc(slices.Clone(v.lane.workers), func(w *worker) bool {
			return w.conf.Warm == nil || w.state != models.StateReady && w.state != models.StateDegraded || now.Before(w.waitUntil)
		})
		slices.SortStableFunc(able, func(x, y *worker) int { return y.usedAt().Compare(x.usedAt()) })
		for _, w := range able[:min(n, len(able))] {
			idle := w.inFlight == 0 && o.Elsewhere(w.name) <= 0 && now.Sub(w.usedAt()) >= o.KeepWarm
			if idle && !w.warming {
				w.warming = true
				due = append(due, w)
			}
		}
		p.mu.Unlock()
	}
	return due
}

// coming tells whether the worker answers and is being warmed: what no other one can take
// waits for it.
func (w *worker) coming() bool { return w.state == models.StateWarming && w.err == nil && !w.draining }

// usedAt is when the worker last had to do with its model.
func (w *worker) usedAt() time.Time {
	if at := w.aliveAt(); at.After(w.warmedAt) {
		return at
	}
	return w.warmedAt
}

// keepWarm warms a worker that is ready. It is no request: it counts nowhere, and that it
// fails only means that the worker is not warm. One that must load its model gets nothing
// until it has.
func (p *Pool) keepWarm(ctx context.Context, w *worker) {
	p.mu.Lock()
	conf := w.conf
	p.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	err := conf.Warm(limited)
	p.mu.Lock()
	defer p.unlock()
	w.warming, w.warmedAt = false, time.Now()
	if errors.Is(err, models.ErrLoading) && w.conf.Probe != nil {
		w.to(models.StateWarming, err)
	}
	if err != nil && ctx.Err() == nil {
		p.now.Load().o.Log.Debug().Err(err).Str("pool", p.name).Str("worker", w.name).Msg("a model worker could not be kept warm")
	}
}

// askAfresh has a worker that answers tell what it can, where it is configured otherwise
// than when it was asked last. One that does not tell is asked again with its next probe.
func (p *Pool) askAfresh(ctx context.Context, w *worker, conf Worker) {
	p.mu.Lock()
	due := w.afresh
	p.mu.Unlock()
	if !due || conf.Tell == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	server, err := conf.Tell(limited)
	p.mu.Lock()
	defer p.unlock()
	if err == nil && conf.Revision == w.conf.Revision {
		w.server, w.afresh = server, false
	}
}
