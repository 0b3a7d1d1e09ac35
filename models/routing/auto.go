package routing

import (
	"math"
	"time"
)

// The constants are where the simulation came out best (docs/adr/0019-routing.md).
const (
	// fairMargin is how far a worker may be above its fair part of all that is in flight.
	fairMargin = 1.5
	// alwaysTakes is the part of its slots, for its speed, up to which a worker is never
	// called hot: a place in a worker's own short line costs less than most prompts do.
	alwaysTakes = feed
	// loadWeight is what a worker without a free slot weighs beside the time that a
	// prompt takes to compute, in the service times of the fastest.
	loadWeight = 1.0
	// nearBest is how much dearer than the cheapest a prompt's home may be.
	nearBest = 1.1
	// presumed is the part of what nobody is known to have of a prompt that its session's
	// home is taken to have: another node may have sent it there.
	presumed = 0.5
	// exploring is how often chance decides, so that nobody's measurements grow old; but
	// not for prompts longer than exploreMost tokens: of long ones every hundredth that is
	// computed anew is what the slowest hundredth is made of.
	exploring   = 0.01
	exploreMost = 1024
	// beginning is how much dearer than the cheapest, in the service times of the fastest,
	// the home of a session may be that nobody knows yet. Where it begins it stays.
	beginning = 1.0
	// slowest is what the slowest worker is taken for when homes are given out, beside the
	// fastest.
	slowest = 1.0 / 16

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
	case p.Tokens <= exploreMost && a.rand() < exploring:
		return a.byLot(workers)
	}
	key, home, leeway := a.price(p, workers, top)
	return a.accept(workers, open, top, func() int { return a.choose(key, home, leeway, workers) })
}

// Cost counts what the worker lacks of what another one has, and not what none has: in
// the queue those go first who are at home at the worker, not those who ask least.
func (a *auto) Cost(p Prompt, w Worker) float64 {
	if w.Weight <= 0 {
		return math.Inf(1)
	}
	missing := 0
	if a.index != nil {
		missing = a.index.missing(w.ID, p)
	}
	return float64(missing)*w.prefill() + loadWeight*w.load()*w.service()
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

// price gives each open worker its cost in seconds. It tells by what a prompt has its
// home, and where that is: by its session or, as long as nobody knows how it begins, by
// its system prompt, which is then computed in one place only; 0 for nothing. leeway is how
// much dearer than others the home may be, in seconds.
func (a *auto) price(p Prompt, workers []Worker, top float64) (key uint64, home int, leeway float64) {
	if cap(a.costs) < len(workers) {
		a.costs = make([]float64, len(workers))
	}
	a.costs = a.costs[:len(workers)]
	if a.index != nil {
		a.index.find(p)
	}
	best, service := 0, math.Inf(1)
	for i := range workers {
		cached := 0
		if a.index != nil {
			cached = a.index.found(workers[i].ID, p)
		}
		best, service = max(best, cached), min(service, workers[i].service())
		a.costs[i] = float64(p.Tokens-cached) * workers[i].prefill()
	}
	if key = p.Session; key == 0 || best == 0 && p.System != 0 {
		key = p.System
	}
	home = a.home(key, workers)
	if home >= 0 && best > 0 && key == p.Session {
		a.costs[home] -= presumed * float64(p.Tokens-best) * workers[home].prefill()
		if best <= p.begins {
			leeway = beginning * service
		}
	}
	for i := range workers {
		// A worker's weight is beside others here, so that full is full for all.
		a.costs[i] += loadWeight * workers[i].load() * top * service
	}
	return key, home, leeway
}

// home gives the worker that is nearest to a key, open or not; -1 for none. Every node
// comes to the same, whatever it knows of what is cached.
func (a *auto) home(key uint64, workers []Worker) int {
	home, most, fastest := -1, 0.0, 0.0
	for i := range workers {
		fastest = max(fastest, workers[i].Speed)
	}
	for i := range workers {
		if key == 0 || workers[i].Weight <= 0 {
			continue
		}
		// What a lower weight means is accept's business.
		if near := weighed(key, workers[i].ID, workers[i].pace(fastest)); home < 0 || near > most {
			home, most = i, near
		}
	}
	return home
}

// choose gives the home where it is open and no dearer than leeway allows; else the open
// worker of the lowest cost, and of those that are about as cheap the one that is nearest
// to the key, or any where there is none.
func (a *auto) choose(key uint64, home int, leeway float64, workers []Worker) int {
	lowest := math.Inf(1)
	for i := range workers {
		if a.open[i] {
			lowest = min(lowest, a.costs[i])
		}
	}
	if leeway > 0 && a.open[home] && a.costs[home] <= lowest+leeway {
		return home
	}
	best, most, ties := -1, uint64(0), 0.0
	for i := range workers {
		switch {
		case !a.open[i]:
		case key != 0 && a.costs[i] <= lowest*nearBest:
			if near := nearness(key, workers[i].ID); best < 0 || near > most {
				best, most = i, near
			}
		case key == 0 && a.costs[i] == lowest:
			if ties++; a.rand()*ties < 1 {
				best = i
			}
		}
	}
	return best
}

// hot tells whether one request more would be too many. perPower is how many requests
// there are for what all workers can do.
func (w *Worker) hot(perPower, fastest float64) bool {
	power := w.power(fastest)
	return float64(w.InFlight+1) > max(alwaysTakes*power, fairMargin*perPower*power, 1)
}

// pace is how many homes a worker gives beside the fastest: by its speed, in steps of
// two, so that nodes agree although each has measured it anew.
func (w *Worker) pace(fastest float64) float64 {
	if w.Speed <= 0 || fastest <= 0 {
		return 1
	}
	return math.Exp2(math.Ceil(math.Log2(max(w.Speed/fastest, slowest))))
}

// power is how many requests a worker should have beside others. By the root of its
// speed: with as many as its speed a worker half as fast would do a quarter of the work.
func (w *Worker) power(fastest float64) float64 {
	slots := w.slots() * w.Weight
	if w.Speed <= 0 {
		return slots
	}
	return slots * math.Sqrt(w.Speed/fastest)
}

// prefill gives the seconds a token of a prompt takes.
func (w *Worker) prefill() float64 {
	if w.PrefillPerToken <= 0 {
		return unknownPrefill.Seconds()
	}
	return w.PrefillPerToken.Seconds()
}

// service gives the seconds a request takes.
func (w *Worker) service() float64 {
	if w.Service <= 0 {
		return unknownService.Seconds()
	}
	return w.Service.Seconds()
}
