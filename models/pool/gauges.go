package pool

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

const (
	// Each probeEvery, and up to scrapeSpread later, a worker is asked for its gauges.
	scrapeSpread  = time.Second
	scrapeTimeout = time.Second
	// othersFresh is how long what was read counts in full; it is nothing after twice that.
	othersFresh = 3 * probeEvery
	// othersLearn is how much one reading moves what is believed.
	othersLearn = 0.5
	// scrapeMute is how long a server is left alone that gives no gauges.
	scrapeMute = time.Minute
)

// others are the requests at a worker that no node of this hub sent, by what the worker
// last said. Its gauges are late, so they only correct the own count: they never take its
// place, and never fill a worker up.
type others struct {
	n  float64
	at time.Time
	// told is true once somebody was told that its gauges are nonsense.
	told bool
}

// read takes a reading: what the server has under way, less what is known to be ours.
func (o *others) read(now time.Time, total, ours int) {
	o.n = o.now(now)
	if o.at.IsZero() {
		o.n = float64(max(total-ours, 0))
	}
	o.n += othersLearn * (float64(max(total-ours, 0)) - o.n)
	o.at = now
}

// now is what is left of the last reading.
func (o *others) now(now time.Time) float64 {
	age := now.Sub(o.at)
	if o.n == 0 || age >= 2*othersFresh {
		return 0
	}
	return o.n * min(1, 2-float64(age)/float64(othersFresh))
}

// foreign is how many requests of others a worker has. At most its slots: were its gauges
// wrong, there would still be room for one of ours.
func (w *worker) foreign(now time.Time) int {
	return min(int(math.Round(w.others.now(now))), w.slots())
}

// scrape asks the workers that answer for their gauges.
func (p *Pool) scrape(ctx context.Context, running *sync.WaitGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, w := range p.workers {
		well := w.state == models.StateReady || w.state == models.StateDegraded
		if w.conf.Load == nil || !well || w.draining || w.scraping || now.Before(w.muteUntil) {
			continue
		}
		w.scraping = true
		load, later := w.conf.Load, time.Duration(p.now.Load().o.Rand(int(scrapeSpread)))
		running.Go(func() {
			p.scrapeOnce(ctx, w, load, later)
			p.mu.Lock()
			w.scraping = false
			p.mu.Unlock()
		})
	}
}

func (p *Pool) scrapeOnce(ctx context.Context, w *worker, load func(context.Context) (models.Load, error), later time.Duration) {
	// So that nodes and workers do not all ask at once.
	wait := time.NewTimer(later)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return
	case <-wait.C:
	}
	p.mu.Lock()
	before := w.inFlight
	p.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, scrapeTimeout)
	l, err := load(limited)
	cancel()
	if err != nil {
		return // what was known fades; that the worker is down is for others to find out
	}
	p.mu.Lock()
	defer p.unlock()
	if l.Nonsense && !w.others.told {
		w.others.told = true
		p.changes = append(p.changes, change{worker: w.name, what: "model worker tells nonsense about its load, which is ignored"})
	}
	if !l.Running.Known && !l.Waiting.Known {
		w.muteUntil = time.Now().Add(scrapeMute)
		return
	}
	// A gauge that is not Known is 0 here.
	total := int(l.Running.Value + l.Waiting.Value)
	w.others.read(time.Now(), total, max(before, w.inFlight)+max(p.now.Load().o.Elsewhere(w.name), 0))
}
