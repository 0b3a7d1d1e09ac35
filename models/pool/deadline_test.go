package pool_test

import (
	"context"
	"errors"
	"fmt"
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

// after answers when a while has passed.
func after(d time.Duration, text string) script {
	return func(ctx context.Context, yield func(models.Delta, error) bool) {
		select {
		case <-time.After(d):
			says(text)(ctx, yield)
		case <-ctx.Done():
			yield(models.Delta{}, fault.New(fault.Retryable, "chat", context.Cause(ctx)))
		}
	}
}

// changing is a script that a test exchanges.
type changing struct {
	mu  sync.Mutex
	now script
}

func (c *changing) set(s script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = s
}

func (c *changing) chat(ctx context.Context, yield func(models.Delta, error) bool) {
	c.mu.Lock()
	s := c.now
	c.mu.Unlock()
	s(ctx, yield)
}

func TestFirstContentDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hole := &changing{now: after(time.Second, "a")}
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin, FirstContent: 50 * time.Second}, hole.chat, after(time.Second, "b"))
		took := func() time.Duration {
			began := time.Now()
			if res := r.ask(t); res.Err != nil {
				t.Errorf("%v", res.Err)
			}
			return time.Since(began)
		}
		hole.set(waits)
		// As long as nobody knows better, the configured deadline holds.
		if got := max(took(), took()); got != 51*time.Second {
			t.Errorf("a black hole took %v", got)
		}
		hole.set(after(time.Second, "a"))
		for range 200 {
			r.ask(t)
		}
		// Then it is four times what is usual.
		hole.set(waits)
		if got := max(took(), took()); got != 5*time.Second {
			t.Errorf("a black hole took %v", got)
		}
		hole.set(after(time.Second, "a"))
		for range 3 {
			r.ask(t)
		}
		r.wantStates(t, models.StateReady, models.StateReady)
	})
}

// TestDeadlineFollows: workers that have all become slower are not cut off for ever.
func TestDeadlineFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &changing{now: after(100*time.Millisecond, "a")}
		r := newRig(pool.Options{}, w.chat)
		for range 64 {
			r.ask(t)
		}
		w.set(after(20*time.Second, "a"))
		for n := range 40 {
			if res := r.ask(t); res.Err == nil {
				t.Logf("answered after %d deadlines", n)
				return
			}
			time.Sleep(40 * time.Second)
		}
		t.Error("the deadline never followed")
	})
}

func TestHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []pool.Attempt
		var mu sync.Mutex
		n := 0
		// Not all alike: else each would be as late as 95 of 100.
		usual := func(text string) script {
			return func(ctx context.Context, yield func(models.Delta, error) bool) {
				n++
				after(time.Duration(100+n%50)*time.Millisecond, text)(ctx, yield)
			}
		}
		stall := &changing{now: usual("a")}
		o := pool.Options{
			Policy: models.PolicyRoundRobin, FirstContent: time.Minute,
			Account: func(a pool.Attempt) { mu.Lock(); defer mu.Unlock(); attempts = append(attempts, a) },
		}
		r := newRig(o, stall.chat, usual("b"))
		for range 200 {
			r.ask(t)
		}
		attempts = nil
		o.Name, o.Model, o.Hedge = "main", "tiny", true
		o.Workers = []pool.Worker{{Name: "w0", Client: r.workers[0]}, {Name: "w1", Client: r.workers[1]}}
		r.Reload(o)
		stall.set(after(30*time.Second, "a"))
		for range 2 { // each worker has its turn
			began := time.Now()
			if res := r.ask(t); res.Text != "b" || time.Since(began) > 400*time.Millisecond {
				t.Errorf("%q after %v", res.Text, time.Since(began))
			}
		}
		wasted := 0
		for _, a := range attempts {
			if a.Outcome == pool.HedgeWaste {
				wasted++
			}
		}
		if wasted != 1 {
			t.Errorf("%d hedges are accounted for", wasted)
		}
		r.wantStates(t, models.StateReady, models.StateReady)

		// No more than one in twenty, whatever the workers do.
		calls := func() int32 { return r.workers[0].calls.Load() + r.workers[1].calls.Load() }
		before := calls()
		for range 100 {
			r.ask(t)
		}
		if extra := calls() - before - 100; extra > 15 {
			t.Errorf("%d of 100 were asked twice", extra)
		}
	})
}

func TestNoHedgeWhenBusyOrNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(pool.Options{Hedge: true, Workers: []pool.Worker{{Name: "w0", Slots: 2}, {Name: "w1", Slots: 2}}},
			after(time.Second, "a"), after(time.Second, "b"))
		for range 100 {
			r.ask(t)
		}
		slow := after(20*time.Second, "late")
		r.workers[0].chat, r.workers[1].chat = slow, slow
		before := r.workers[0].calls.Load() + r.workers[1].calls.Load()
		var askers sync.WaitGroup
		for range 4 {
			askers.Go(func() { r.ask(t) })
		}
		time.Sleep(3 * time.Second) // the deadline is later, a hedge would be under way
		if extra := r.workers[0].calls.Load() + r.workers[1].calls.Load() - before - 4; extra != 0 {
			t.Errorf("%d hedges although the workers were busy", extra)
		}
		askers.Wait()
		before = r.workers[0].calls.Load() + r.workers[1].calls.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		req := modeltest.Ask("hi")
		req.Band = models.Batch
		modeltest.Collect(t, ctx, r.Pool, req)
		if extra := r.workers[0].calls.Load() + r.workers[1].calls.Load() - before - 1; extra > 0 {
			t.Error("a hedge for one who does not watch")
		}
	})
}

func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var workers []pool.Worker
		var scripts []script
		for i := range 100 { // so many that hardly one is asked three times
			workers = append(workers, pool.Worker{Name: fmt.Sprint(i), Slots: 1})
			scripts = append(scripts, fails(errDown))
		}
		r := newRig(pool.Options{Workers: workers, Policy: models.PolicyRoundRobin}, scripts...)
		asked := 0
		for range 300 {
			r.ask(t)
			asked++
		}
		calls := 0
		for _, w := range r.workers {
			calls += int(w.calls.Load())
		}
		if retries := calls - asked; retries > 100+10 {
			t.Errorf("%d retries for %d requests that all failed", retries, asked)
		}
	})
}

// brokenInside is what a client says of an answer of 500.
type brokenInside struct{ code int }

func (b brokenInside) Error() string   { return fmt.Sprint("status ", b.code) }
func (b brokenInside) StatusCode() int { return b.code }

func TestPoisonedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poison := fails(fault.New(fault.Retryable, "chat", brokenInside{500}))
		scripts := []*changing{{now: poison}, {now: poison}, {now: poison}, {now: poison}}
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, scripts[0].chat, scripts[1].chat, scripts[2].chat, scripts[3].chat)
		for range 50 {
			before := int32(0)
			for _, w := range r.workers {
				before += w.calls.Load()
			}
			time.Sleep(time.Second) // for a retry
			if res := r.ask(t); res.Err == nil || !strings.Contains(res.Err.Error(), "500") {
				t.Fatalf("%v", res.Err)
			}
			for _, w := range r.workers {
				before -= w.calls.Load()
			}
			if before != -2 {
				t.Fatalf("it was tried on %d workers", -before)
			}
		}
		for _, w := range r.Workers() {
			if w.State == models.StateOpen || w.State == models.StateDegraded {
				t.Errorf("%s is %s although the request was to blame", w.Name, w.State)
			}
		}
	})
}

// TestPatienceInLine: who comes while the only worker asks for a little patience waits
// for it, as long as there is time.
func TestPatienceInLine(t *testing.T) {
	for name, test := range map[string]struct {
		total, took time.Duration
		answered    bool
	}{
		"time left":    {time.Minute, 3 * time.Second, true},
		"no time left": {2 * time.Second, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &changing{now: fails(fault.New(fault.RateLimited, "chat", errors.New("status 429"), fault.WithWait(3*time.Second)))}
				r := newRig(pool.Options{Total: test.total}, w.chat)
				leaving, leave := context.WithTimeout(t.Context(), time.Nanosecond)
				defer leave()
				modeltest.Collect(t, leaving, r.Pool, modeltest.Ask("hi"))
				w.set(says("a"))
				began := time.Now()
				res := r.ask(t)
				if took := time.Since(began).Round(time.Millisecond); (res.Text == "a") != test.answered || took != test.took {
					t.Errorf("%+v after %v", res, took)
				}
				if !test.answered && fault.Wait(res.Err).Round(time.Millisecond) != 3*time.Second {
					t.Errorf("it was told %v", res.Err)
				}
				if v := r.Versions()[0]; v.Queued != 0 {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

func TestPatienceOfAFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := newRig(pool.Options{}, func(ctx context.Context, yield func(models.Delta, error) bool) {
			if n++; n == 1 {
				yield(models.Delta{}, fault.New(fault.RateLimited, "chat", errors.New("status 429"), fault.WithWait(3*time.Second)))
				return
			}
			says("a")(ctx, yield)
		})
		began := time.Now()
		if res := r.ask(t); res.Text != "a" || time.Since(began) != 3*time.Second {
			t.Errorf("%+v after %v", res, time.Since(began))
		}
	})
}
