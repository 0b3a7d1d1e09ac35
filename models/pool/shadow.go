package pool

import (
	"context"
	"slices"
	"time"

	"github.com/parley-hub/parley/models"
)

// ShadowWaste is the outcome of a copy of a request whose answer nobody sees.
const ShadowWaste Outcome = "shadow-waste"

// shadowBusy is the part of the shadow version's slots above which nothing is copied to it.
const shadowBusy = 0.5

// Shadow has a part of the requests answered by another version too, to see how it does
// before it gets any weight. Its answers are thrown away.
type Shadow struct {
	// Version is which; empty for none. Share is the part of the requests, from 0 to 1.
	Version string
	Share   float64
	// Admit is as that of Options, for the copies: it bounds what they cost.
	Admit func(models.Request) (settle func(models.Usage), err error)
}

// cast copies a request to the shadow version, by chance and where there is room. It never
// delays the request, and only works while Run does.
func (p *Pool) cast(s *snapshot, r models.Request, answering version) {
	o := s.o.Shadow
	if o.Version == "" || o.Version == answering.name || r.Band == models.Batch || s.o.float() >= o.Share {
		return
	}
	i := slices.IndexFunc(s.versions, func(v version) bool { return v.name == o.Version })
	if i < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := s.versions[i]
	if p.life == nil || v.lane.line.Len() > 0 || !p.idle(s, v.lane) {
		return
	}
	v.lane.jobs++
	life := p.life
	p.shadows.Go(func() { p.shade(life, s, r, v) })
}

// idle tells whether the workers of a version that may be asked have much room.
func (p *Pool) idle(s *snapshot, l *lane) bool {
	now, used, slots := time.Now(), 0, 0
	for _, w := range l.workers {
		if w.usable(now) && !w.unproven() {
			used += w.inFlight + max(s.o.Elsewhere(w.name), 0)
			slots += w.slots()
		}
	}
	return slots > 0 && float64(used) < shadowBusy*float64(slots)
}

// shade answers a copy. It waits behind all others, is tried once, and is no part of what
// observers see; the ledger has it as waste.
func (p *Pool) shade(life context.Context, s *snapshot, r models.Request, v version) {
	ctx, cancel := context.WithTimeoutCause(life, s.o.Total, errTotal)
	defer cancel()
	r.Band, r.Shown, r.Restart, r.Cache = models.Batch, nil, false, models.Caching{Mode: models.CacheNever}
	r.Model, r.For = v.model, models.Payer{} // it is the hub's own
	a := answer{job: p.job(s, r), req: r, yield: func(models.Delta, error) bool { return true }}
	a.v, a.shadow = v, true
	defer a.over()
	settle, err := s.o.Shadow.Admit(r)
	if err != nil {
		return // nothing is left for today
	}
	defer func() { settle(a.served) }()
	a.run(ctx)
}
