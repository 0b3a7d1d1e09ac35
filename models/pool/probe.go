package pool

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

const (
	// probeEvery is for workers that are not ready; ready ones that nobody talks to
	// are asked each probeIdle.
	probeEvery   = 2 * time.Second
	probeIdle    = 10 * time.Second
	probeTimeout = 2 * time.Second
)

// Run probes the workers until ctx ends and returns nil when the last probe is
// over. Requests are answered without it too; it makes new workers ready, finds
// idle ones that died, and tells when an open one is worth a trial.
func (p *Pool) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	for _, w := range p.workers {
		if w.probe != nil {
			probes.Go(func() { p.watch(ctx, w) })
		}
	}
	<-ctx.Done()
	probes.Wait()
	return nil
}

func (p *Pool) watch(ctx context.Context, w *worker) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		if p.probeDue(w) {
			p.probeOnce(ctx, w)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Pool) probeDue(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(w.waitUntil) && !w.refused {
		return false
	}
	if w.state != models.StateReady || w.probeFails > 0 {
		return true
	}
	return now.Sub(w.aliveAt()) >= probeIdle && now.Sub(w.probedAt) >= probeIdle
}

func (p *Pool) probeOnce(ctx context.Context, w *worker) {
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	err := w.probe(limited)
	cancel()
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	before := w.state
	p.probed(w, err)
	after := w.state
	p.mu.Unlock()
	if before != after {
		p.log.Info().AnErr("probe", err).Str("pool", p.name).Str("worker", w.name).
			Str("from", string(before)).Str("to", string(after)).Msg("model worker changed")
	}
}

// probed takes the result of a probe. A probe never closes a breaker, for a
// worker can list its models and still not answer; it only allows the trial.
func (p *Pool) probed(w *worker, err error) {
	now := time.Now()
	w.probedAt = now
	if err == nil {
		w.probeFails = 0
		if w.refused {
			w.refused, w.waitUntil, w.err = false, time.Time{}, nil
		}
		if w.state == models.StateNew {
			w.state, w.err = models.StateReady, nil
		}
		return
	}
	if now.Sub(w.aliveAt()) < aliveFor {
		return
	}
	w.probeFails++
	w.err = err
	if w.state == models.StateReady && w.probeFails >= failuresToOpen {
		w.failedAt = now
		w.open(now, p.rnd)
	}
}
