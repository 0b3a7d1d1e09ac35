package pool_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

func TestPoolBreakerSanity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := says("hello")
		r := newRig(pool.Options{}, func(ctx context.Context, yield func(models.Delta, error) bool) { act(ctx, yield) })
		r.ask(t)
		for range 1000 {
			act = fails(errBad)
			r.ask(t)
		}
		r.wantStates(t, models.StateReady)
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			act = func(ctx context.Context, yield func(models.Delta, error) bool) { cancel(); waits(ctx, yield) }
			modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi"))
		}
		r.wantStates(t, models.StateReady)
		for range 100 { // one failure among many is no reason for anything
			act = fails(errDown)
			r.ask(t)
			act = says("hello")
			for range 20 {
				r.ask(t)
			}
		}
		r.wantStates(t, models.StateReady)
	})
}

func TestPoolOpensAndReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := fails(errDown)
		// rnd 200 of 401 is no jitter at all.
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin, Rand: func(n int) int { return n / 2 }},
			func(ctx context.Context, yield func(models.Delta, error) bool) { act(ctx, yield) }, says("other"))
		for r.workers[0].calls.Load() < 3 {
			if res := r.ask(t); res.Text != "other" {
				t.Fatalf("the failure was seen: %+v", res)
			}
		}
		r.wantStates(t, models.StateOpen, models.StateReady)
		for _, backoff := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			before := r.workers[0].calls.Load()
			time.Sleep(backoff*time.Second - time.Millisecond)
			for range 50 {
				r.ask(t)
			}
			if got := r.workers[0].calls.Load(); got != before {
				t.Errorf("%d requests during a back-off of %d s", got-before, backoff)
			}
			time.Sleep(time.Millisecond)
			for range 50 {
				r.ask(t)
			}
			if got := r.workers[0].calls.Load(); got != before+1 {
				t.Errorf("%d trials after a back-off of %d s", got-before, backoff)
			}
		}
		act = says("back")
		time.Sleep(30 * time.Second)
		for range 50 {
			r.ask(t)
		}
		r.wantStates(t, models.StateReady, models.StateReady)
	})
}

// TestPoolTellsWhenDue: an open worker is due once its back-off is over, during its
// trial too, and no longer when the trial failed.
func TestPoolTellsWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := fails(errDown)
		r := newRig(pool.Options{}, func(ctx context.Context, yield func(models.Delta, error) bool) { act(ctx, yield) })
		want := func(when string, due bool) {
			t.Helper()
			if got := r.Pool.Workers()[0].Due; got != due {
				t.Errorf("%s: due is %t", when, got)
			}
		}
		want("at first", false)
		for range 3 {
			r.ask(t)
		}
		want("open", false)
		time.Sleep(2 * time.Second)
		want("after its back-off", true)
		act = func(context.Context, func(models.Delta, error) bool) { want("during its trial", true) }
		r.ask(t)
		want("after a trial that failed", false)
		time.Sleep(time.Minute)
		act = says("back")
		r.ask(t)
		want("after one trial that was well", true)
		r.ask(t)
		want("ready", false)
	})
}

func TestPoolTrialIsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := fails(errDown)
		r := newRig(pool.Options{}, func(ctx context.Context, yield func(models.Delta, error) bool) { act(ctx, yield) })
		for range 3 {
			r.ask(t)
		}
		r.wantStates(t, models.StateOpen)
		act = waits
		before := r.workers[0].calls.Load()
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		for range 20 {
			askers.Go(func() { modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi")) })
		}
		synctest.Wait()
		if got, queued := r.workers[0].calls.Load()-before, r.Versions()[0].Queued; got != 1 || queued != 19 {
			t.Errorf("%d were let through and %d wait, want 1 and 19", got, queued)
		}
		cancel()
		askers.Wait()
		act = says("back")
		if res := r.ask(t); res.Text != "back" {
			t.Errorf("the cancelled trial kept its place: %+v", res)
		}
	})
}

func TestPoolLastResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(pool.Options{}, fails(errDown), fails(errDown))
		for range 3 {
			r.ask(t)
			time.Sleep(time.Millisecond)
		}
		r.wantStates(t, models.StateOpen, models.StateOpen)
		// Both are within their back-off; still every request may try, one at a time.
		before := r.workers[0].calls.Load() + r.workers[1].calls.Load()
		res := r.ask(t)
		if fault.ClassOf(res.Err) != fault.Retryable || fault.Public(res.Err) == "" {
			t.Errorf("%v", res.Err)
		}
		if after := r.workers[0].calls.Load() + r.workers[1].calls.Load(); after == before {
			t.Error("everything was refused because all are open")
		}
	})
}

func TestPoolObeysPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(pool.Options{}, fails(errLimited))
		res := r.ask(t)
		if fault.ClassOf(res.Err) != fault.RateLimited || fault.Wait(res.Err) != 7*time.Second || fault.Public(res.Err) == "" {
			t.Errorf("%v", res.Err)
		}
		time.Sleep(time.Second)
		res = r.ask(t)
		if fault.ClassOf(res.Err) != fault.RateLimited || fault.Wait(res.Err) != 6*time.Second || r.workers[0].calls.Load() != 1 {
			t.Errorf("%v, wait %v, %d calls", res.Err, fault.Wait(res.Err), r.workers[0].calls.Load())
		}
		if w := r.Workers()[0]; w.WaitUntil.IsZero() || w.Err == nil || w.State == models.StateOpen {
			t.Errorf("status is %+v", w)
		}
		time.Sleep(6 * time.Second)
		r.ask(t)
		if r.workers[0].calls.Load() != 2 {
			t.Error("the wait was over, but nobody asked")
		}
	})
}

func TestPoolRefusedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := &prober{result: errors.New("status 401")}
		r := newRig(pool.Options{Workers: []pool.Worker{{Name: "w0", Probe: alive.probe}}}, fails(errKey))
		r.ask(t)
		res := r.ask(t)
		if fault.ClassOf(res.Err) != fault.NeedsHuman || r.workers[0].calls.Load() != 1 {
			t.Errorf("%v after %d calls", res.Err, r.workers[0].calls.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		synctest.Wait()
		alive.set(nil) // the key was put right
		time.Sleep(3 * time.Second)
		r.ask(t)
		if r.workers[0].calls.Load() != 2 {
			t.Error("the probe with the new key did not help")
		}
		cancel()
		running.Wait()
	})
}

func TestPoolTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(pool.Options{Total: time.Minute}, waits, says("b"))
		r.workers[1].chat = waits
		began := time.Now()
		res := r.ask(t)
		if time.Since(began) != time.Minute || fault.ClassOf(res.Err) != fault.Retryable || !strings.Contains(fault.Public(res.Err), "too long") {
			t.Errorf("%v after %v", res.Err, time.Since(began))
		}
		r.wantStates(t, models.StateNew, models.StateNew)
	})
}

func TestPoolProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pulse := &prober{result: errDown}
		act := says("hello")
		r := newRig(pool.Options{Workers: []pool.Worker{{Name: "w0", Probe: pulse.probe}}},
			func(ctx context.Context, yield func(models.Delta, error) bool) { act(ctx, yield) })
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		step := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		step(19 * time.Second)
		r.wantStates(t, models.StateNew)
		if asked := pulse.set(nil); asked != 10 {
			t.Errorf("a new worker was probed %d times in 19 s", asked)
		}
		step(2 * time.Second)
		r.wantStates(t, models.StateReady)
		pulse.set(nil)
		step(60 * time.Second)
		// A worker that just answered is believed more than its probes.
		if asked := pulse.set(errDown); asked != 6 {
			t.Errorf("an idle worker was probed %d times in 60 s", asked)
		}
		for range 30 {
			r.ask(t)
			step(time.Second)
		}
		r.wantStates(t, models.StateReady)
		step(30 * time.Second)
		r.wantStates(t, models.StateOpen)
		calls := r.workers[0].calls.Load()
		// A probe that succeeds does not close the breaker, the trial does.
		pulse.set(nil)
		step(30 * time.Second)
		r.wantStates(t, models.StateOpen)
		act = fails(errDown)
		r.ask(t)
		r.wantStates(t, models.StateOpen)
		act = says("back")
		step(30 * time.Second)
		if res := r.ask(t); res.Text != "back" || r.workers[0].calls.Load() != calls+2 {
			t.Errorf("%+v", res)
		}
		r.wantStates(t, models.StateProbing)
		r.ask(t)
		r.wantStates(t, models.StateReady)
		cancel()
		running.Wait()
	})
}
