package pool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

const blue, green = "blue", "green"

// colours makes two versions of the four workers, with these weights.
func colours(o pool.Options, blues, greens int) []pool.Version {
	workers := o.Workers
	if len(o.Versions) > 0 {
		workers = append(append([]pool.Worker{}, o.Versions[0].Workers...), o.Versions[1].Workers...)
	}
	return []pool.Version{
		{Name: blue, Model: blue, Weight: blues, Workers: workers[:2]},
		{Name: green, Model: green, Weight: greens, Workers: workers[2:]},
	}
}

func painted(i int, o *modeltest.Options) {
	o.Model = blue
	if i >= 2 {
		o.Model = green
	}
}

// hotSwitch is point 10.
func hotSwitch(t *testing.T) []row {
	return append(exchange(t), canary(t)...)
}

// exchange goes from one version to the other at once, under load.
func exchange(t *testing.T) []row {
	var r result
	var drained, longest time.Duration
	old := 0
	inWorld(t, setup{policy: auto, worker: painted, pool: func(o *pool.Options) { o.Versions = colours(*o, 1, 0) }}, func(w *world) {
		arrivals := usual(moderate/2, runs/2).draw(*seed)
		at := arrivals[len(arrivals)/2].at
		r = run(w.t, w.pool, arrivals, event{at, func() {
			next := w.options
			next.Versions = colours(next, 0, 1)[1:]
			w.pool.Reload(next)
		}})
		for _, s := range r.samples {
			if s.last.Model != blue {
				continue
			}
			longest = max(longest, s.all)
			drained = max(drained, s.at+s.all-at)
			if s.at > at {
				old++
			}
		}
		w.wantQuiet()
		if n := len(w.pool.Workers()); n != 2 {
			w.t.Errorf("%d workers are left", n)
		}
	})
	failed := r.failed() + r.invented()
	return []row{
		{10, "switch to another version under load: failed requests", fmt.Sprint(failed), "0", judge(failed == 0)},
		{10, "switch: answers of the old version to who came after", fmt.Sprint(old), "0", judge(old == 0)},
		{10, "switch: the old version is done after, its longest answer", fmt.Sprintf("%s, %s", ms(drained), ms(longest)), "not longer", judge(drained <= longest)},
	}
}

// canary gives the new version a tenth, first a good one, then one that fails.
func canary(t *testing.T) []row {
	play := func(broken bool) (r result, weight int) {
		inWorld(t, setup{
			policy: auto,
			worker: func(i int, o *modeltest.Options) {
				painted(i, o)
				if broken && i >= 2 {
					o.Faults = []modeltest.Fault{{Kind: modeltest.ErrorEvent, After: 1, Probability: 0.3}}
				}
			},
			pool: func(o *pool.Options) { o.Versions = colours(*o, 90, 10) },
		}, func(w *world) {
			r = run(w.t, w.pool, usual(moderate/2, runs).draw(*seed))
			for _, v := range w.pool.Versions() {
				if v.Name == green {
					weight = v.Weight
				}
			}
			w.wantQuiet()
		})
		return r, weight
	}
	good, kept := play(false)
	bad, weight := play(true)
	colour := make(map[string]string)
	moved, greens := 0, 0
	for _, s := range good.samples {
		if s.err != nil {
			continue
		}
		if s.last.Model == green {
			greens++
		}
		if before := colour[s.req.Affinity]; before != "" && before != s.last.Model {
			moved++
		}
		colour[s.req.Affinity] = s.last.Model
	}
	return []row{
		{10, "a tenth for a good new version: its weight at the end, its share of the requests", fmt.Sprintf("%d, %s", kept, percent(float64(greens)/float64(len(good.samples)))), "10", judge(kept == 10)},
		{10, "a tenth for a good new version: conversations that changed it", fmt.Sprint(moved), "0", judge(moved == 0)},
		{10, "a tenth for a new version of which 30 % fails: its weight at the end (failed requests until then)", fmt.Sprintf("%d (%d)", weight, bad.failed()), "0", judge(weight == 0 && bad.invented() == 0)},
	}
}
