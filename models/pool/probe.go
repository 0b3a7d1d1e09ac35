package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// probeEvery is for workers that are not ready; ready ones that nobody talks to are
	// asked each probeIdle.
	probeEvery   = 2 * time.Second
	probeIdle    = 10 * time.Second
	probeTimeout = 2 * time.Second
	// warmTimeout bounds the first generation, which may have to load the model.
	warmTimeout = 2 * time.Minute
	// aliveFor is how long a token outweighs a failed probe: a busy worker may be too
	// busy for probes.
	aliveFor = 5 * time.Second
)

// Run probes the workers until ctx ends and returns nil when the last probe is over.
// Requests are answered without it too; it makes new workers ready, finds idle ones that
// died, and tells when an open one is worth a trial.
func (p *Pool) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	p.mu.Lock()
	p.life = ctx
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.life = nil
		p.mu.Unlock()
		p.shadows.Wait()
	}()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		for _, w := range p.probesDue() {
			probes.Go(func() { p.probeOnce(ctx, w) })
		}
		p.scrape(ctx, &probes)
		for _, w := range p.warmsDue() {
			probes.Go(func() { p.keepWarm(ctx, w) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-p.woken:
		}
	}
}

// probesDue lists the workers that are to be probed now, and looks whether any has done
// well for long enough.
func (p *Pool) probesDue() []*worker {
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	var due []*worker
	for _, w := range p.workers {
		w.review(now, false)
		if w.conf.Probe != nil && !w.draining && !w.probing && w.probeDue(now) {
			w.probing = true
			due = append(due, w)
		}
	}
	return due
}

func (w *worker) probeDue(now time.Time) bool {
	if w.state == models.StateConfigError {
		return true
	}
	if now.Before(w.waitUntil) {
		return false
	}
	well := w.state == models.StateReady || w.state == models.StateDegraded
	if !well || w.probeFails > 0 || w.afresh {
		return true
	}
	return now.Sub(w.aliveAt()) >= probeIdle && now.Sub(w.probedAt) >= probeIdle
}

func (p *Pool) probeOnce(ctx context.Context, w *worker) {
	p.mu.Lock()
	conf := w.conf
	p.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	err := conf.Probe(limited)
	cancel()
	switch {
	case p.probed(ctx, w, err):
		p.warmUp(ctx, w, conf)
	case err == nil:
		p.askAfresh(ctx, w, conf)
	}
	p.mu.Lock()
	w.probing = false
	p.mu.Unlock()
}

// probed takes the result of a probe, and tells whether the worker is to be warmed up. A
// probe never closes a breaker, for a worker can list its models and still not answer; it
// only allows the trial.
func (p *Pool) probed(ctx context.Context, w *worker, err error) (warmUp bool) {
	p.mu.Lock()
	defer p.unlock()
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	w.probedAt = now
	switch {
	case errors.Is(err, models.ErrLoading):
		w.probeFails, w.warm, w.err = 0, false, err
		if w.state == models.StateNew {
			w.to(models.StateWarming, err)
		}
	case err != nil:
		w.missed(now, err)
	default:
		w.probeFails = 0
		switch w.state {
		case models.StateNew, models.StateWarming, models.StateConfigError:
			return true
		}
	}
	return false
}

// missed takes note of a probe that failed.
func (w *worker) missed(now time.Time, err error) {
	if now.Sub(w.aliveAt()) < aliveFor {
		return
	}
	w.probeFails++
	w.err = err
	if (w.state == models.StateReady || w.state == models.StateDegraded) && w.probeFails >= failuresToOpen {
		w.failedAt = now
		w.open(now, err)
	}
}

// warmUp learns what the worker can do and lets it answer once before anybody waits for
// it.
func (p *Pool) warmUp(ctx context.Context, w *worker, conf Worker) {
	var server models.Server
	var err error
	if conf.Tell != nil {
		limited, cancel := context.WithTimeout(ctx, probeTimeout)
		server, err = conf.Tell(limited)
		cancel()
	}
	if err == nil && conf.Warm != nil {
		p.mu.Lock()
		w.to(models.StateWarming, nil)
		w.err = nil
		p.unlock()
		limited, cancel := context.WithTimeout(ctx, warmTimeout)
		err = conf.Warm(limited)
		cancel()
	}
	p.mu.Lock()
	defer p.unlock()
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	if err != nil {
		w.err = err
		if fault.ClassOf(err) == fault.NeedsHuman {
			w.waitUntil = now.Add(refusedFor)
			w.to(models.StateConfigError, err)
			return
		}
		w.to(models.StateWarming, err)
		return
	}
	// What it tells while its model is being loaded need not be all.
	w.server, w.afresh = server, conf.Warm != nil && conf.Tell != nil
	if conf.Warm != nil {
		w.warmedAt = now
	}
	switch w.state {
	case models.StateNew:
		w.ready(now, w.late)
	case models.StateWarming, models.StateConfigError:
		w.ready(now, w.late || w.err != nil)
	}
	for _, l := range p.all() {
		p.dispatch(now, l)
	}
}
