package routing

// unbiased is the Cost of policies that do not know what a worker has cached.
type unbiased struct{}

func (unbiased) Cost(Prompt, Worker) float64 { return 0 }

// roundRobin takes the workers in turn, those with less weight less often, without
// bursts: each turn everybody is owed its weight, and who is owed most pays for all.
type roundRobin struct {
	base
	unbiased
	// debt is what a worker is owed.
	debt map[string]float64
}

func (r *roundRobin) Pick(_ Prompt, workers []Worker) int {
	if open, _ := r.begin(workers); open == 0 {
		return -1
	}
	best, most, sum := -1, 0.0, 0.0
	for i := range workers {
		if !r.open[i] {
			continue
		}
		owed := r.debt[workers[i].ID] + workers[i].Weight
		r.debt[workers[i].ID] = owed
		sum += workers[i].Weight
		if best < 0 || owed > most {
			best, most = i, owed
		}
	}
	r.debt[workers[best].ID] -= sum
	r.forget(workers)
	return best
}

// forget leaves out workers that are gone, when there are more of them than are here.
func (r *roundRobin) forget(workers []Worker) {
	if len(r.debt) <= 2*len(workers) {
		return
	}
	kept := make(map[string]float64, len(workers))
	for i := range workers {
		kept[workers[i].ID] = r.debt[workers[i].ID]
	}
	r.debt = kept
}

type leastOutstanding struct {
	base
	unbiased
}

func (l *leastOutstanding) Pick(_ Prompt, workers []Worker) int {
	open, top := l.begin(workers)
	if open == 0 {
		return -1
	}
	return l.accept(workers, open, top, func() int {
		best, ties := -1, 0.0
		for i := range workers {
			if !l.open[i] {
				continue
			}
			switch w := &workers[i]; {
			case best < 0 || w.load() < workers[best].load():
				best, ties = i, 1
			case w.load() == workers[best].load():
				if ties++; l.rand()*ties < 1 {
					best = i
				}
			}
		}
		return best
	})
}

type powerOfTwo struct {
	base
	unbiased
}

func (o *powerOfTwo) Pick(_ Prompt, workers []Worker) int {
	open, top := o.begin(workers)
	if open == 0 {
		return -1
	}
	return o.accept(workers, open, top, func() int {
		one := o.draw(-1)
		other := o.draw(one)
		if other < 0 || workers[one].load() <= workers[other].load() {
			return one
		}
		return other
	})
}

// draw gives any open worker but one; -1 if there is none.
func (o *powerOfTwo) draw(but int) int {
	at, n := -1, 0.0
	for i, open := range o.open {
		if !open || i == but {
			continue
		}
		if n++; o.rand()*n < 1 {
			at = i
		}
	}
	return at
}

type sticky struct {
	base
	unbiased
}

func (s *sticky) Pick(p Prompt, workers []Worker) int {
	if open, _ := s.begin(workers); open == 0 {
		return -1
	}
	if p.Session == 0 {
		return s.byLot(workers)
	}
	best, most := -1, 0.0
	for i := range workers {
		if !s.open[i] {
			continue
		}
		if near := weighed(p.Session, workers[i].ID, workers[i].Weight); best < 0 || near > most {
			best, most = i, near
		}
	}
	return best
}
