package routing

import "time"

const (
	// fairSlack is how far a worker may be above its fair part of all that is in flight.
	fairSlack = 1.25
	// alwaysTakes is the part of its slots, for its speed, up to which a worker is never
	// called hot: with little to do, what is cached counts and even load does not.
	alwaysTakes = 0.5
	// loadWeight is what a full worker's service time weighs beside the time that a
	// prompt takes to compute. Small, so that prompts stay where they are cached when all
	// workers are equally busy; hot spots are the bound's business.
	loadWeight = 0.15
	// nearBest is how much dearer than the cheapest a prompt's home may be.
	nearBest = 1.1
	// exploring is how often chance decides, so that nobody's measurements grow old.
	exploring = 0.01

	// What a worker is taken for that has not been measured: a small model on a GPU.
	unknownPrefill = 200 * time.Microsecond
	unknownService = 4 * time.Second
)

// auto goes to the worker where a prompt is answered soonest, among those that have no
// more than their fair part of the load.
type auto struct {
	base
	index *Index
	// costs are of the workers, made anew by every Pick.
	costs []float64
}

func (a *auto) Pick(p Prompt, workers []Worker) int {
	open, top := a.begin(workers)
	if open > 0 {
		open = a.bound(workers, open)
	}
	switch {
	case open == 0:
		return -1
	case a.rand() < exploring:
		return a.byLot(workers)
	}
	known := a.price(p, workers, top)
	return a.accept(workers, open, top, func() int {
		if known {
			return a.cheapest(workers)
		}
		return a.home(p, workers)
	})
}

func (a *auto) Cost(p Prompt, w Worker) float64 {
	cached := 0
	if a.index != nil {
		cached = a.index.Cached(w.ID, p)
	}
	return cost(p.Tokens-cached, &w, 1)
}

// cost gives the seconds that uncached tokens of a prompt take, and the part of a service
// time that the worker's load counts for. top is the weight that counts as 1.
func cost(uncached int, w *Worker, top float64) float64 {
	prefill, service := w.PrefillPerToken, w.Service
	if prefill <= 0 {
		prefill = unknownPrefill
	}
	if service <= 0 {
		service = unknownService
	}
	return float64(uncached)*prefill.Seconds() + loadWeight*w.load()*top*service.Seconds()
}

// bound leaves out the workers that have more than their fair part of what is in flight,
// by what each can do. It gives how many are left: none means that those with room are
// so slow that waiting for another one is better.
func (a *auto) bound(workers []Worker, open int) int {
	total, sum, fastest, full := 1, 0.0, 0.0, false
	for i := range workers {
		fastest = max(fastest, workers[i].Speed)
	}
	if fastest <= 0 {
		fastest = 1
	}
	for i := range workers {
		total += workers[i].InFlight
		sum += workers[i].power(fastest)
		full = full || !a.open[i] && workers[i].Weight > 0
	}
	left := 0
	for i := range workers {
		if a.open[i] && !workers[i].hot(float64(total)/sum, fastest) {
			left++
		}
	}
	if left == 0 && !full {
		// Each is above its part by less than one request.
		return open
	}
	for i := range workers {
		a.open[i] = a.open[i] && !workers[i].hot(float64(total)/sum, fastest)
	}
	return left
}

// hot tells whether one request more would be too many. perPower is how many requests
// there are for what all workers can do.
func (w *Worker) hot(perPower, fastest float64) bool {
	fair := fairSlack * perPower * w.power(fastest)
	own := alwaysTakes * w.power(fastest) / fastest
	return float64(w.InFlight+1) > max(own, fair, 1)
}

// power is what a worker can do beside others.
func (w *Worker) power(fastest float64) float64 {
	speed := w.Speed
	if speed <= 0 {
		speed = fastest
	}
	return speed * w.slots() * w.Weight
}

// price gives each open worker its cost, and tells whether any of them knows how the
// prompt begins.
func (a *auto) price(p Prompt, workers []Worker, top float64) (known bool) {
	if cap(a.costs) < len(workers) {
		a.costs = make([]float64, len(workers))
	}
	a.costs = a.costs[:len(workers)]
	if a.index != nil {
		a.index.find(p)
	}
	for i := range workers {
		if !a.open[i] {
			continue
		}
		cached := 0
		if a.index != nil {
			cached = a.index.depthOf(workers[i].ID)
		}
		known = known || cached > 0
		a.costs[i] = cost(p.Tokens-cached, &workers[i], top)
	}
	return known
}

// cheapest gives the open worker of the lowest cost, one of them by chance.
func (a *auto) cheapest(workers []Worker) int {
	best, ties := -1, 0.0
	for i := range workers {
		switch {
		case !a.open[i]:
		case best < 0 || a.costs[i] < a.costs[best]:
			best, ties = i, 1
		case a.costs[i] == a.costs[best]:
			if ties++; a.rand()*ties < 1 {
				best = i
			}
		}
	}
	return best
}

// home gives the worker where prompts of this kind begin their life: the same for all
// with the same system prompt, as long as it is about as cheap as any.
func (a *auto) home(p Prompt, workers []Worker) int {
	key := p.System
	if key == 0 {
		key = p.Session
	}
	if key == 0 {
		return a.cheapest(workers)
	}
	limit := a.costs[a.cheapest(workers)] * nearBest
	best, most := -1, 0.0
	for i := range workers {
		if !a.open[i] || a.costs[i] > limit {
			continue
		}
		if near := affinity(key, workers[i].ID, workers[i].Weight); best < 0 || near > most {
			best, most = i, near
		}
	}
	return best
}
