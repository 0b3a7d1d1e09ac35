package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// refuses, resets and swallows are ways to be dead.
func refuses(w *modeltest.Worker) { w.Refuse() }

func resets(w *modeltest.Worker) {
	w.SetFaults(modeltest.Fault{Kind: modeltest.Reset, Probes: true})
}

func swallows(w *modeltest.Worker) {
	w.SetFaults(modeltest.Fault{Kind: modeltest.BlackHole, Probes: true})
}

// kill runs a load during which the first n of four workers die after a third, and
// gives what became of those who were there then or came later, and of those who came
// when a breaker had had its time. swallowed is how many requests the dead ones let in and
// never answered.
func kill(t *testing.T, l load, n int, die func(w *modeltest.Worker)) (r, late result, swallowed int) {
	t.Helper()
	inWorld(t, setup{policy: auto}, func(w *world) {
		arrivals := l.draw(*seed)
		dies := arrivals[len(arrivals)/3].at
		r = run(w.t, w.pool, arrivals, event{dies, func() {
			for _, dead := range w.workers[:n] {
				die(dead)
			}
		}})
		late = r.only(func(s sample) bool { return s.at >= dies+window })
		r = r.only(func(s sample) bool { return s.at+s.all >= dies })
		for _, dead := range w.workers[:n] {
			swallowed += dead.Counts().Cancelled
		}
		w.wantQuiet()
	})
	return r, late, swallowed
}

// wantQuiet fails when anything is left of the requests.
func (w *world) wantQuiet() {
	w.t.Helper()
	time.Sleep(time.Minute) // not real: by then a worker has noticed who left
	synctest.Wait()
	for _, s := range w.pool.Workers() {
		if s.InFlight != 0 {
			w.t.Errorf("%s has %d in flight", s.Name, s.InFlight)
		}
	}
	for i, worker := range w.workers {
		if c := worker.Counts(); c.InFlight != 0 || c.Running != 0 || c.Waiting != 0 {
			w.t.Errorf("worker %d is not done: %+v", i, c)
		}
	}
}

// deadWorker is point 4. The comparison is with the same requests to four that live.
func deadWorker(t *testing.T) []row {
	l := usual(moderate, runs)
	healthy, _, _ := kill(t, l, 0, nil)
	var rows []row
	var gone result
	for _, d := range []struct {
		name string
		die  func(w *modeltest.Worker)
	}{{"refuses", refuses}, {"resets", resets}} {
		r, late, _ := kill(t, l, 1, d.die)
		gone = late
		p99 := ratio(r.p99, healthy.p99)
		rows = append(rows,
			nobodyFailed("one of four "+d.name, r),
			row{4, "one of four " + d.name + ": p99 over that of four", fmt.Sprintf("%.2f", p99), "<= 1.2", judge(p99 <= 1.2)},
			row{4, "one of four " + d.name + ": p99, and that of four", ms(r.p99) + ", " + ms(healthy.p99), "", info},
			row{4, "one of four " + d.name + ": p99 over that of four, of prompts that were cached but for 512 tokens", fmt.Sprintf("%.2f", ratio(r.only(known).p99, healthy.only(known).p99)), "", info},
		)
	}
	r, late, swallowed := kill(t, l, 1, swallows)
	normal := ratio(late.p99, gone.p99)
	rows = append(rows,
		nobodyFailed("one of four swallows", r),
		row{4, "one of four swallows: requests that met the deadline", fmt.Sprint(swallowed), fmt.Sprintf("<= %d (3 + slots)", 3+slots), judge(swallowed <= 3+slots)},
		row{4, "one of four swallows: p99 ten seconds later, over that with one that resets", fmt.Sprintf("%.2f", normal), "<= 1.2", judge(normal <= 1.2)},
	)
	r, _, _ = kill(t, usual(0.45*capacity, runs), 2, refuses)
	return append(rows, nobodyFailed("two of four refuse at 45 % load", r))
}

// known is true of who had little to be computed: no worker that died had it cached alone.
func known(s sample) bool {
	return s.last.Usage != nil && s.last.Usage.Prompt-s.last.Usage.Cached <= 512
}

// nobodyFailed counts those who failed without having seen anything of their answer;
// what breaks off before somebody's eyes is told apart.
func nobodyFailed(what string, r result) row {
	broken := r.broken()
	failed := r.failed() - broken
	return row{4, what + ": failed requests (and answers that broke off while being read)", fmt.Sprintf("%d (%d)", failed, broken), "0", judge(failed == 0)}
}

const (
	// window is the time in which a breaker judges.
	window = 10 * time.Second
	// capacity is how many requests of the usual load a second bring round robin to its
	// edge (point 2).
	capacity = 18
)

// cutStreams is point 5: the shares of streams that break off, before and behind what a
// person saw.
func cutStreams(t *testing.T) []row {
	cut := func(_ int, o *modeltest.Options) {
		o.Faults = []modeltest.Fault{{Kind: modeltest.Cut, After: 2, Probability: 0.05}}
	}
	runCut := func(shown func() bool) (r result) {
		inWorld(t, setup{policy: auto, worker: cut}, func(w *world) {
			arrivals := usual(moderate, runs).draw(*seed)
			for i := range arrivals {
				arrivals[i].req.Shown = shown
			}
			r = run(w.t, w.pool, arrivals)
			w.wantQuiet()
		})
		return r
	}
	hidden := runCut(func() bool { return false })
	seen := runCut(func() bool { return true })
	invented := hidden.invented() + seen.invented()
	return []row{
		{5, "5 % cut: answers reported complete that are not", fmt.Sprint(invented), "0", judge(invented == 0)},
		{5, "5 % cut before a person saw any: failed requests", fmt.Sprint(hidden.failed()), "0", judge(hidden.failed() == 0)},
		{5, "5 % cut behind what a person saw: told as a failure", percent(float64(seen.failed()) / float64(len(seen.samples))), "", info},
	}
}

// breakerSanity is point 6: what no worker is to blame for changes none of them.
func breakerSanity(t *testing.T) []row {
	const prompts = 1000
	changed, answered, asked := 0, 0, 0
	inWorld(t, setup{policy: auto, worker: func(i int, o *modeltest.Options) {
		// None says how long its context is, so the pool has to ask.
		o.Kind, o.Context = "", 100
		if i == 0 {
			o.Faults = []modeltest.Fault{{Kind: modeltest.BadRequest}}
		}
	}}, func(w *world) {
		before := states(w)
		long := models.Request{Messages: []models.Message{{Role: models.User, Text: strings.Repeat("long ", 1000)}}}
		for range prompts {
			if s := ask(w.t.Context(), w.pool, arrival{req: long}); s.err == nil {
				answered++
			}
			for i, state := range states(w) {
				if state != before[i] {
					changed++
				}
			}
		}
		asked = w.counts().Started
		w.wantQuiet()
	})
	return append([]row{{
		6, fmt.Sprintf("%d oversized or invalid prompts, %d of them to a worker: changes of a worker's state", prompts, asked),
		fmt.Sprint(changed), "0", judge(changed == 0 && answered == 0 && asked >= prompts),
	}}, calm(t)...)
}

// calm watches workers that do nothing wrong.
func calm(t *testing.T) []row {
	unready, given := 0, 0
	inWorld(t, setup{policy: auto}, func(w *world) {
		arrivals := usual(moderate, runs).draw(*seed)
		var looks []event
		for at := time.Second; at < arrivals[len(arrivals)-1].at; at += time.Second {
			looks = append(looks, event{at, func() {
				for _, state := range states(w) {
					if state != models.StateReady {
						unready++
						break
					}
				}
			}})
		}
		run(w.t, w.pool, arrivals, looks...)
		for _, a := range w.attempts {
			if a.Outcome == pool.RetryWaste {
				given++
			}
		}
	})
	return []row{
		{6, "healthy workers: seconds in which one of them was not ready", fmt.Sprint(unready), "0", judge(unready == 0)},
		{6, "healthy workers: attempts that were given up", fmt.Sprint(given), "0", judge(given == 0)},
	}
}

func states(w *world) (all []models.State) {
	for _, s := range w.pool.Workers() {
		all = append(all, s.State)
	}
	return all
}
