package routing

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// feed is how many requests a worker gets for each of its slots. The part above one waits
// inside of it, so that a slot that falls free is never empty for a round trip. All
// others wait in the hub, where they can still be put in order, moved and taken back.
const feed = 1.25

// Worker is a candidate as it stands now. The caller has left out those that may not be
// asked at all.
type Worker struct {
	ID string
	// InFlight are the requests it has, Slots how many it works on at a time.
	InFlight, Slots int
	// Elsewhere are those of InFlight that other nodes of the hub sent. They count where
	// workers are compared, and take no room: what is told of them is late, and a line that
	// waits for them on every node loses more than one in the worker does.
	Elsewhere int
	// Speed is how fast it is beside the others, in any unit; 0 if it is not known, and
	// it is then taken for the fastest. Measured from the dispatch on: time in the hub's
	// queue would make a slow worker look slower the less it gets.
	Speed float64
	// Service is how long it takes for a request, PrefillPerToken for a token of a
	// prompt that it does not have cached; 0 if it is not known.
	Service, PrefillPerToken time.Duration
	// Weight is its part of what it would get otherwise, in (0, 1]: less than 1 while it
	// warms up or is degraded. Where all are below 1, the highest counts as 1.
	// A worker of weight 0 gets nothing.
	Weight float64
}

// Policy picks workers. No policy gives a worker more than 1.25 x Slots x Weight requests of
// this node.
type Policy interface {
	// Pick gives the index of the best worker, -1 when none should take it now: the
	// request waits in the hub until the load has changed. RoundRobin counts each call as
	// a turn; the others may be asked and not followed.
	Pick(p Prompt, workers []Worker) int
	// Cost gives what is lost, in seconds, when a prompt goes to a worker now; lower is
	// better. It is for the queue's look-ahead: of equal ones the first in line goes.
	// A policy for which it is always 0 leaves the line in order.
	Cost(p Prompt, w Worker) float64
}

// Options is what a Policy is made from.
type Options struct {
	// Name is one of Auto, RoundRobin, LeastOutstanding, PowerOfTwo and Sticky.
	Name string
	// Index is for Auto; the caller tells it what was sent. Nil for none.
	Index *Index
	// Rand gives a number in [0, 1); nil means a real one.
	Rand func() float64
}

// The policies. All but Auto are there to compare it with.
const (
	// Auto goes by load, speed, and what the workers have cached.
	Auto = "auto"
	// RoundRobin takes one after the other.
	RoundRobin = "round_robin"
	// LeastOutstanding takes the one with the fewest requests in flight for its slots.
	LeastOutstanding = "least_outstanding"
	// PowerOfTwo takes the less loaded of two that chance names.
	PowerOfTwo = "power_of_two"
	// Sticky keeps a session with its worker; while that is full, with the next in line.
	Sticky = "sticky"
)

// New makes a Policy. A name that is none is a Permanent fault.
func New(o Options) (Policy, error) {
	b := base{feed: feed, rand: o.Rand}
	if b.rand == nil {
		b.rand = rand.Float64 // spreads load, guards nothing
	}
	switch o.Name {
	case Auto:
		return &auto{base: b, index: o.Index}, nil
	case RoundRobin:
		return &roundRobin{base: b, debt: map[string]float64{}}, nil
	case LeastOutstanding:
		return &leastOutstanding{base: b}, nil
	case PowerOfTwo:
		return &powerOfTwo{base: b}, nil
	case Sticky:
		return &sticky{base: b}, nil
	default:
		return nil, fault.New(fault.Permanent, "routing", fmt.Errorf("policy %q is not known", o.Name))
	}
}

// base is what all policies share.
type base struct {
	feed float64
	rand func() float64
	// open are the workers that may be picked, made anew by every Pick.
	open []bool
}

// begin finds the workers with room. It gives how many there are, and the weight that
// counts as 1.
func (b *base) begin(workers []Worker) (open int, top float64) {
	if cap(b.open) < len(workers) {
		b.open = make([]bool, len(workers))
	}
	b.open = b.open[:len(workers)]
	for i := range workers {
		top = max(top, workers[i].Weight)
	}
	for i := range workers {
		w := &workers[i]
		b.open[i] = w.Weight > 0 && float64(w.InFlight-w.Elsewhere) < b.feed*w.slots()*w.Weight/top
		if b.open[i] {
			open++
		}
	}
	return open, top
}

// accept takes the worker that choose gives, or, where it has less weight than others,
// leaves it to chance and goes on to the next.
func (b *base) accept(workers []Worker, open int, top float64, choose func() int) int {
	for ; open > 1; open-- {
		i := choose()
		if weight := workers[i].Weight; weight >= top || b.rand()*top < weight {
			return i
		}
		b.open[i] = false
	}
	return choose()
}

// byLot gives an open worker by chance, in proportion to the weights.
func (b *base) byLot(workers []Worker) int {
	sum, at := 0.0, -1
	for i := range workers {
		if !b.open[i] {
			continue
		}
		if sum += workers[i].Weight; at < 0 || b.rand()*sum < workers[i].Weight {
			at = i
		}
	}
	return at
}

func (w *Worker) slots() float64 { return float64(max(w.Slots, 1)) }

// load is how full a worker is, for what it is to get.
func (w *Worker) load() float64 { return float64(w.InFlight) / (w.slots() * w.Weight) }
