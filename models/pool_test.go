package models_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// scripted is a worker's client that does what the test says.
type scripted struct {
	chat  func(ctx context.Context, yield func(models.Delta, error) bool)
	calls atomic.Int32
	inner atomic.Int32
}

func (s *scripted) Chat(ctx context.Context, _ models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		s.calls.Add(1)
		s.inner.Add(1)
		defer s.inner.Add(-1)
		s.chat(ctx, yield)
	}
}

func says(text string) func(context.Context, func(models.Delta, error) bool) {
	return func(_ context.Context, yield func(models.Delta, error) bool) {
		if yield(models.Delta{Text: text}, nil) {
			yield(models.Delta{Finish: models.FinishStop}, nil)
		}
	}
}

func fails(err error) func(context.Context, func(models.Delta, error) bool) {
	return func(_ context.Context, yield func(models.Delta, error) bool) { yield(models.Delta{}, err) }
}

// breaksAfter says something, then fails.
func breaksAfter(text string, err error) func(context.Context, func(models.Delta, error) bool) {
	return func(_ context.Context, yield func(models.Delta, error) bool) {
		if yield(models.Delta{Text: text}, nil) {
			yield(models.Delta{}, err)
		}
	}
}

// waits holds its place until the context ends.
func waits(ctx context.Context, yield func(models.Delta, error) bool) {
	<-ctx.Done()
	yield(models.Delta{}, fault.New(fault.Retryable, "chat", ctx.Err()))
}

var (
	errDown    = fault.New(fault.Retryable, "chat", errors.New("connection refused"))
	errBad     = fault.New(fault.Permanent, "chat", errors.New("status 400"))
	errKey     = fault.New(fault.NeedsHuman, "chat", errors.New("status 401"))
	errLimited = fault.New(fault.RateLimited, "chat", errors.New("status 429"), fault.WithWait(7*time.Second))
)

// rig is a pool of scripted workers, and what its observer saw.
type rig struct {
	*models.Pool
	workers []*scripted
	mu      sync.Mutex
	events  []core.Event
}

func (r *rig) Observe(e core.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func newRig(o models.PoolOptions, scripts ...func(context.Context, func(models.Delta, error) bool)) *rig {
	r := &rig{}
	for i, s := range scripts {
		w := &scripted{chat: s}
		r.workers = append(r.workers, w)
		if len(o.Workers) <= i {
			o.Workers = append(o.Workers, models.Worker{Name: fmt.Sprintf("w%d", i)})
		}
		o.Workers[i].Client = w
	}
	o.Name, o.Model, o.Observer = "main", "tiny", r
	r.Pool = models.NewPool(o)
	return r
}

func (r *rig) ask(t *testing.T) modeltest.Result {
	t.Helper()
	return modeltest.Collect(t, t.Context(), r.Pool, modeltest.Ask("hi"))
}

func (r *rig) wantStates(t *testing.T, want ...models.State) {
	t.Helper()
	var got []models.State
	for _, w := range r.Workers() {
		got = append(got, w.State)
		if w.InFlight != 0 {
			t.Errorf("%s has %d in flight", w.Name, w.InFlight)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("states are %v, want %v", got, want)
	}
}

func TestPoolNamesModelAndWorker(t *testing.T) {
	r := newRig(models.PoolOptions{}, says("hello"))
	res := r.ask(t)
	if res.Err != nil || res.Text != "hello" || res.Last.Model != "tiny" || res.Last.Worker != "w0" {
		t.Errorf("%+v", res)
	}
	r.wantStates(t, models.StateReady)
	if len(r.events) != 1 || r.events[0].Stage != core.StageModel || r.events[0].Model != "tiny" || r.events[0].Worker != "w0" || r.events[0].Err != nil {
		t.Errorf("events: %+v", r.events)
	}
}

func TestPoolSpreadsBySlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(models.PoolOptions{Workers: []models.Worker{{Name: "big", Slots: 6}, {Name: "small", Slots: 2}, {Name: "default"}}}, waits, waits, waits)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		for range 32 {
			askers.Go(func() { modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi")) })
			synctest.Wait()
		}
		for i, want := range []int{12, 4, 16} {
			if w := r.Workers()[i]; w.InFlight != want {
				t.Errorf("%s has %d in flight, want %d", w.Name, w.InFlight, want)
			}
		}
		cancel()
		askers.Wait()
		r.wantStates(t, models.StateNew, models.StateNew, models.StateNew)
	})
}

func TestPoolDrawsTies(t *testing.T) {
	r := newRig(models.PoolOptions{}, says("a"), says("b"), says("c"), says("d"))
	for range 400 {
		r.ask(t)
	}
	for i, w := range r.workers {
		if n := w.calls.Load(); n < 40 {
			t.Errorf("w%d got %d of 400", i, n)
		}
	}
}

// first makes ties go to the worker that comes first.
func first(int) int { return 1 }

func TestPoolFailsOver(t *testing.T) {
	never := func() bool { return false }
	always := func() bool { return true }
	for _, test := range []struct {
		name     string
		scripts  []func(context.Context, func(models.Delta, error) bool)
		shown    func() bool
		text     string
		class    fault.Class
		attempts int
	}{
		{"refused", []func(context.Context, func(models.Delta, error) bool){fails(errDown), says("b")}, nil, "b", 0, 2},
		{"refused twice", []func(context.Context, func(models.Delta, error) bool){fails(errDown), fails(errDown), says("c")}, nil, "c", 0, 3},
		{"refused three times", []func(context.Context, func(models.Delta, error) bool){fails(errDown), fails(errDown), fails(errDown), says("d")}, nil, "", fault.Retryable, 3},
		{"only one worker", []func(context.Context, func(models.Delta, error) bool){fails(errDown)}, nil, "", fault.Retryable, 1},
		{"bad request", []func(context.Context, func(models.Delta, error) bool){fails(errBad), says("b")}, nil, "", fault.Permanent, 1},
		{"bug", []func(context.Context, func(models.Delta, error) bool){fails(errors.New("?")), says("b")}, nil, "", fault.Bug, 1},
		{"key refused", []func(context.Context, func(models.Delta, error) bool){fails(errKey), says("b")}, nil, "b", 0, 2},
		{"rate limited", []func(context.Context, func(models.Delta, error) bool){fails(errLimited), says("b")}, nil, "b", 0, 2},
		{"cut, nobody asked what is shown", []func(context.Context, func(models.Delta, error) bool){breaksAfter("a", errDown), says("b")}, nil, "a", fault.Retryable, 1},
		{"cut, shown", []func(context.Context, func(models.Delta, error) bool){breaksAfter("a", errDown), says("b")}, always, "a", fault.Retryable, 1},
		{"cut, not shown", []func(context.Context, func(models.Delta, error) bool){breaksAfter("a", errDown), says("b")}, never, "b", 0, 2},
		{"cut twice, not shown", []func(context.Context, func(models.Delta, error) bool){breaksAfter("a", errDown), breaksAfter("b", errDown), says("c")}, never, "c", 0, 3},
		{"ends without finish", []func(context.Context, func(models.Delta, error) bool){func(context.Context, func(models.Delta, error) bool) {}, says("b")}, nil, "b", 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(models.PoolOptions{Rand: first}, test.scripts...)
			req := modeltest.Ask("hi")
			req.Shown = test.shown
			res := modeltest.Collect(t, t.Context(), r.Pool, req)
			if res.Text != test.text || fault.ClassOf(res.Err) != test.class {
				t.Errorf("got %q, %v", res.Text, res.Err)
			}
			attempts := 0
			for _, w := range r.workers {
				attempts += int(w.calls.Load())
			}
			if attempts != test.attempts {
				t.Errorf("%d attempts, want %d", attempts, test.attempts)
			}
			if res.Err != nil && test.class != fault.Permanent && fault.Public(res.Err) == "" {
				t.Errorf("nobody is told: %v", res.Err)
			}
			if len(r.events) != 1 || fault.ClassOf(r.events[0].Err) != test.class {
				t.Errorf("events: %+v", r.events)
			}
		})
	}
}

func TestPoolBreakerSanity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := says("hello")
		r := newRig(models.PoolOptions{}, func(ctx context.Context, yield func(models.Delta, error) bool) { script(ctx, yield) })
		r.ask(t)
		for range 1000 {
			script = fails(errBad)
			r.ask(t)
		}
		r.wantStates(t, models.StateReady)
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			script = func(ctx context.Context, yield func(models.Delta, error) bool) { cancel(); waits(ctx, yield) }
			modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi"))
		}
		r.wantStates(t, models.StateReady)
		for range 100 { // two failures between successes are no three in a row
			script = fails(errDown)
			r.ask(t)
			r.ask(t)
			script = says("hello")
			r.ask(t)
		}
		r.wantStates(t, models.StateReady)
	})
}

func TestPoolOpensAndReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := fails(errDown)
		// rnd 200 of 401 is no jitter at all.
		r := newRig(models.PoolOptions{Rand: func(n int) int { return n / 2 }},
			func(ctx context.Context, yield func(models.Delta, error) bool) { script(ctx, yield) }, says("other"))
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
		script = says("back")
		time.Sleep(30 * time.Second)
		for range 50 {
			r.ask(t)
		}
		r.wantStates(t, models.StateReady, models.StateReady)
	})
}

func TestPoolTrialIsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := fails(errDown)
		r := newRig(models.PoolOptions{}, func(ctx context.Context, yield func(models.Delta, error) bool) { script(ctx, yield) })
		for range 3 {
			r.ask(t)
		}
		r.wantStates(t, models.StateOpen)
		script = waits
		before := r.workers[0].calls.Load()
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		var refused atomic.Int32
		for range 20 {
			askers.Go(func() {
				if res := modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi")); ctx.Err() == nil && fault.ClassOf(res.Err) == fault.Retryable {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if got := r.workers[0].calls.Load() - before; got != 1 || refused.Load() != 19 {
			t.Errorf("%d were let through and %d refused, want 1 and 19", got, refused.Load())
		}
		cancel()
		askers.Wait()
		script = says("back")
		if res := r.ask(t); res.Text != "back" {
			t.Errorf("the cancelled trial kept its place: %+v", res)
		}
	})
}

func TestPoolLastResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(models.PoolOptions{Rand: first}, fails(errDown), fails(errDown))
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
		r := newRig(models.PoolOptions{}, fails(errLimited))
		res := r.ask(t)
		if fault.ClassOf(res.Err) != fault.RateLimited || fault.Wait(res.Err) != 7*time.Second || fault.Public(res.Err) == "" {
			t.Errorf("%v", res.Err)
		}
		time.Sleep(3 * time.Second)
		res = r.ask(t)
		if fault.ClassOf(res.Err) != fault.RateLimited || fault.Wait(res.Err) != 4*time.Second || r.workers[0].calls.Load() != 1 {
			t.Errorf("%v, wait %v, %d calls", res.Err, fault.Wait(res.Err), r.workers[0].calls.Load())
		}
		if w := r.Workers()[0]; w.WaitUntil.IsZero() || w.Err == nil || w.State == models.StateOpen {
			t.Errorf("status is %+v", w)
		}
		time.Sleep(4 * time.Second)
		r.ask(t)
		if r.workers[0].calls.Load() != 2 {
			t.Error("the wait was over, but nobody asked")
		}
	})
}

func TestPoolRefusedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := errors.New("status 401")
		r := newRig(models.PoolOptions{Workers: []models.Worker{{Name: "w0", Probe: func(context.Context) error { return alive }}}}, fails(errKey))
		r.ask(t)
		res := r.ask(t)
		if fault.ClassOf(res.Err) != fault.NeedsHuman || r.workers[0].calls.Load() != 1 {
			t.Errorf("%v after %d calls", res.Err, r.workers[0].calls.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		synctest.Wait()
		alive = nil // the key was put right
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
		r := newRig(models.PoolOptions{Total: time.Minute}, waits, says("b"))
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
		var asked int
		var result error
		script := says("hello")
		r := newRig(models.PoolOptions{Workers: []models.Worker{{Name: "w0", Probe: func(context.Context) error { asked++; return result }}}},
			func(ctx context.Context, yield func(models.Delta, error) bool) { script(ctx, yield) })
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		result = errDown
		running.Go(func() { _ = r.Run(ctx) })
		step := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		step(19 * time.Second)
		r.wantStates(t, models.StateNew)
		if asked != 10 {
			t.Errorf("a new worker was probed %d times in 19 s", asked)
		}
		result = nil
		step(2 * time.Second)
		r.wantStates(t, models.StateReady)
		asked = 0
		step(60 * time.Second)
		if asked != 6 {
			t.Errorf("an idle worker was probed %d times in 60 s", asked)
		}
		// A worker that just answered is believed more than its probes.
		result = errDown
		for range 30 {
			r.ask(t)
			step(time.Second)
		}
		r.wantStates(t, models.StateReady)
		step(30 * time.Second)
		r.wantStates(t, models.StateOpen)
		calls := r.workers[0].calls.Load()
		// A probe that succeeds does not close the breaker, the trial does.
		result = nil
		step(30 * time.Second)
		r.wantStates(t, models.StateOpen)
		script = fails(errDown)
		r.ask(t)
		r.wantStates(t, models.StateOpen)
		script = says("back")
		step(30 * time.Second)
		if res := r.ask(t); res.Text != "back" || r.workers[0].calls.Load() != calls+2 {
			t.Errorf("%+v", res)
		}
		r.wantStates(t, models.StateReady)
		cancel()
		running.Wait()
	})
}

func TestPoolWithoutWorkers(t *testing.T) {
	res := newRig(models.PoolOptions{}).ask(t)
	if fault.ClassOf(res.Err) != fault.Retryable || !strings.Contains(fault.Public(res.Err), "not reachable") {
		t.Errorf("%v", res.Err)
	}
}

// TestPoolChaos: whatever happens, no place stays taken and no answer is made up.
func TestPoolChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var scripts []func(context.Context, func(models.Delta, error) bool)
		for range 4 {
			scripts = append(scripts, func(ctx context.Context, yield func(models.Delta, error) bool) {
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				kinds := []func(context.Context, func(models.Delta, error) bool){
					says("whole"), says("whole"), says("whole"), says("whole"), fails(errDown), fails(errBad), fails(errLimited), fails(errKey),
					breaksAfter("part", errDown), waits, func(context.Context, func(models.Delta, error) bool) { panic("worker") },
				}
				kinds[rand.IntN(len(kinds))](ctx, yield)
			})
		}
		r := newRig(models.PoolOptions{Workers: []models.Worker{{Name: "w0", Probe: func(context.Context) error { return nil }}}}, scripts...)
		ctx, stop := context.WithCancel(t.Context())
		var running, askers sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		for range 64 {
			askers.Go(func() {
				for range 100 {
					chaosTurn(t, r.Pool)
				}
			})
		}
		askers.Wait()
		stop()
		running.Wait()
		for i, w := range r.Workers() {
			if w.InFlight != 0 || r.workers[i].inner.Load() != 0 {
				t.Errorf("%s has %d in flight, its client %d", w.Name, w.InFlight, r.workers[i].inner.Load())
			}
		}
		if len(r.events) != 6400 {
			t.Errorf("%d events for 6400 answers", len(r.events))
		}
	})
}

func chaosTurn(t *testing.T, p *models.Pool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2000))*time.Millisecond)
	defer cancel()
	defer func() { _ = recover() }() // the panics of worker and reader below
	req := modeltest.Ask("hi")
	if rand.IntN(2) == 0 {
		req.Shown = func() bool { return false }
	}
	way := rand.IntN(10)
	text := ""
	for d, err := range p.Chat(ctx, req) {
		if d.Reset {
			text = ""
		}
		text += d.Text
		switch {
		case d.Finish != "" && text != "whole":
			t.Errorf("%q was reported complete", text)
		case err == nil && way == 0:
			return
		case err == nil && way == 1:
			panic("reader")
		case err == nil && way == 2:
			cancel()
		}
	}
}

func BenchmarkPoolPick16(b *testing.B) {
	var workers []models.Worker
	for i := range 16 {
		workers = append(workers, models.Worker{Name: fmt.Sprint(i), Client: &scripted{chat: says("x")}})
	}
	p := models.NewPool(models.PoolOptions{Name: "main", Model: "tiny", Workers: workers})
	b.ReportAllocs()
	for b.Loop() {
		for range p.Chat(b.Context(), models.Request{}) {
		}
	}
}
