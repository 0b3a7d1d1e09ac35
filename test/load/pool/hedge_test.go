package pool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// hedging is point 9: two in a hundred requests meet a stall behind the headers.
func hedging(t *testing.T) []row {
	play := func(hedge bool, l load) (r result, hedges int, waste float64) {
		inWorld(t, setup{
			policy: auto,
			worker: func(_ int, o *modeltest.Options) {
				o.Faults = []modeltest.Fault{{Kind: modeltest.HeadersOnly, Probability: 0.02}}
			},
			pool: func(o *pool.Options) { o.Hedge = hedge },
		}, func(w *world) {
			arrivals := l.draw(*seed)
			began := time.Now()
			r = run(w.t, w.pool, arrivals)
			// Before and after this the workers have less to do.
			last := arrivals[len(arrivals)-1].at
			hedges, waste = w.wasted(began.Add(last/5), began.Add(last))
			w.wantQuiet()
		})
		return r, hedges, waste
	}
	without, _, _ := play(false, usual(moderate, runs))
	with, hedges, waste := play(true, usual(moderate, runs))
	_, busy, _ := play(true, usual(2*capacity, runs))
	p99 := ratio(with.p99, without.p99)
	return []row{
		{9, "2 % stalls: p99 without hedges, with", fmt.Sprintf("%s, %s", ms(without.p99), ms(with.p99)), "", info},
		{9, "2 % stalls: p99 over that without hedges", fmt.Sprintf("%.2f", p99), "<= 0.6", judge(p99 <= 0.6)},
		{9, fmt.Sprintf("2 %% stalls: tokens wasted by %d hedges", hedges), percent(waste), "<= 5 %", judge(waste <= 0.05)},
		{9, "hedges while all slots are busy", fmt.Sprint(busy), "0", judge(busy == 0)},
	}
}
