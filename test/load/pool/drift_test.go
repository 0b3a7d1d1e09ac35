package pool_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
)

// chaos is some of everything that workers were seen to do.
func chaos() []modeltest.Fault {
	return []modeltest.Fault{
		{Kind: modeltest.Reset, Probability: 0.02},
		{Kind: modeltest.HeadersOnly, Probability: 0.005},
		{Kind: modeltest.SlowFirst, Probability: 0.02, Wait: 3 * time.Second},
		{Kind: modeltest.RateLimited, Probability: 0.005, Wait: 2 * time.Second},
		{Kind: modeltest.Unavailable, Probability: 0.005, Wait: time.Second},
		{Kind: modeltest.ServerError, Probability: 0.02},
		{Kind: modeltest.BadGateway, Probability: 0.01},
		{Kind: modeltest.Stall, Probability: 0.005, After: 3},
		{Kind: modeltest.Cut, Probability: 0.02, After: 2},
		{Kind: modeltest.ErrorEvent, Probability: 0.02, After: 1},
		{Kind: modeltest.NoFinish, Probability: 0.01, After: 2},
		{Kind: modeltest.DoneOnly, Probability: 0.01, After: 1},
		{Kind: modeltest.Abort, Probability: 0.01},
		{Kind: modeltest.UsageOnFinish, Probability: 0.1},
		{Kind: modeltest.UsageRunning, Probability: 0.1},
	}
}

// leftovers is what a run of faults left behind.
type leftovers struct {
	result
	goroutines, unbilled int
}

// survive plays so many minutes of faults, people who leave, and deaths.
func survive(t *testing.T, minutes int) (left leftovers) {
	t.Helper()
	inWorld(t, setup{policy: auto, worker: func(_ int, o *modeltest.Options) { o.Faults = chaos() }}, func(w *world) {
		goroutines := runtime.NumGoroutine()
		arrivals := usual(moderate, minutes*60*moderate).draw(*seed)
		rnd := rand.New(rand.NewPCG(*seed, 13))
		for i := range arrivals {
			if rnd.IntN(10) == 0 {
				arrivals[i].leaves = time.Duration(1+rnd.IntN(3000)) * time.Millisecond
			}
		}
		var deaths []event
		for at := 30 * time.Second; at < time.Duration(minutes)*time.Minute; at += time.Minute {
			victim := w.workers[rnd.IntN(len(w.workers))]
			deaths = append(deaths, event{at, victim.Refuse}, event{at + 10*time.Second, func() { victim.Return(w.t) }})
		}
		left.result = run(w.t, w.pool, arrivals, deaths...)
		w.wantQuiet()
		left.unbilled = w.unbilled()
		w.net.Client().CloseIdleConnections()
		synctest.Wait()
		left.goroutines = runtime.NumGoroutine() - goroutines
	})
	return left
}

// drift is point 13: after faults nothing may be left of them.
func drift(t *testing.T) []row {
	const minutes = 10
	l := survive(t, minutes)
	return []row{
		{13, fmt.Sprintf("%d minutes of faults, %d requests: in flight at the end", minutes, len(l.samples)), "0 everywhere", "0", judge(!t.Failed())},
		{13, "goroutines more than at the start", fmt.Sprint(l.goroutines), "<= 0", judge(l.goroutines <= 0)},
		{13, "tokens that workers reported and the account does not have", fmt.Sprint(l.unbilled), "0", judge(l.unbilled == 0)},
		{13, "answers reported complete that are not", fmt.Sprint(l.invented()), "0", judge(l.invented() == 0)},
		{13, "requests that failed unseen (and answers that broke off while being read)", fmt.Sprintf("%s (%s)",
			percent(float64(l.failed()-l.broken())/float64(len(l.samples))), percent(float64(l.broken())/float64(len(l.samples)))), "", info},
	}
}

// TestNothingIsLeft is a short drift: what holds at any length and on any machine.
func TestNothingIsLeft(t *testing.T) {
	l := survive(t, 1)
	if l.goroutines > 0 || l.invented() > 0 {
		t.Errorf("%d goroutines are left, %d answers are invented", l.goroutines, l.invented())
	}
}

// TestDeadWorkers holds that nobody who saw nothing yet learns of a death.
func TestDeadWorkers(t *testing.T) {
	for name, die := range map[string]func(w *modeltest.Worker){"refuses": refuses, "resets": resets} {
		r, _, _ := kill(t, usual(moderate, 300), 1, die)
		if n := r.failed() - r.broken(); n > 0 || r.invented() > 0 {
			t.Errorf("%s: %d failed, %d are invented", name, n, r.invented())
		}
	}
}

// unbilled is how many tokens the workers reported beyond those that the pool accounted
// for by a worker's word.
func (w *world) unbilled() int {
	c := w.counts()
	lost := c.Reported.Prompt + c.Reported.Completion
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.attempts {
		if !a.Estimated {
			lost -= a.Usage.Prompt + a.Usage.Completion
		}
	}
	return lost
}
