package pool_test

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
	"github.com/parley-hub/parley/models/pool"
)

// script is what a worker does with one request.
type script = func(ctx context.Context, yield func(models.Delta, error) bool)

// scripted is a worker's client that does what the test says.
type scripted struct {
	chat  script
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

func says(text string) script {
	return func(_ context.Context, yield func(models.Delta, error) bool) {
		if yield(models.Delta{Text: text}, nil) {
			yield(models.Delta{Finish: models.FinishStop}, nil)
		}
	}
}

func fails(err error) script {
	return func(_ context.Context, yield func(models.Delta, error) bool) { yield(models.Delta{}, err) }
}

// breaksAfter says something, then fails.
func breaksAfter(text string, err error) script {
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

// prober is a worker's probe with a result that a test changes.
type prober struct {
	mu     sync.Mutex
	result error
	asked  int
}

func (p *prober) probe(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return p.result
}

// set changes the result and gives how often the probe was asked since the last change.
func (p *prober) set(result error) (asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, p.asked, p.result = p.asked, 0, result
	return asked
}

// rig is a pool of scripted workers, and what its observer saw.
type rig struct {
	*pool.Pool
	workers []*scripted
	options pool.Options
	mu      sync.Mutex
	events  []core.Event
}

func (r *rig) Observe(e core.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func newRig(o pool.Options, scripts ...script) *rig {
	r := &rig{}
	for i, s := range scripts {
		w := &scripted{chat: s}
		r.workers = append(r.workers, w)
		if len(o.Workers) <= i {
			o.Workers = append(o.Workers, pool.Worker{Name: fmt.Sprintf("w%d", i)})
		}
		o.Workers[i].Client = w
	}
	o.Name, o.Model, o.Observer = "main", "tiny", r
	r.Pool, r.options = pool.New(o), o
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
	r := newRig(pool.Options{}, says("hello"))
	res := r.ask(t)
	if res.Err != nil || res.Text != "hello" || res.Last.Model != "tiny" || res.Last.Worker != "w0" {
		t.Errorf("%+v", res)
	}
	r.wantStates(t, models.StateReady)
	if len(r.events) != 1 || r.events[0].Stage != core.StageModel || r.events[0].Model != "tiny" || r.events[0].Worker != "w0" || r.events[0].Err != nil {
		t.Errorf("events: %+v", r.events)
	}
	for _, err := range r.Chat(t.Context(), models.Request{Trace: "t1"}) {
		if err != nil {
			t.Error(err)
		}
	}
	if last := r.events[len(r.events)-1]; last.Trace != "t1" {
		t.Errorf("trace %q", last.Trace)
	}
}

func TestPoolSpreadsBySlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(pool.Options{Workers: []pool.Worker{{Name: "big", Slots: 6}, {Name: "small", Slots: 2}, {Name: "default"}}}, waits, waits, waits)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		for range 32 {
			askers.Go(func() { modeltest.Collect(t, ctx, r.Pool, modeltest.Ask("hi")) })
			synctest.Wait()
		}
		for i, want := range []int{8, 3, 10} { // 1.25 of the slots
			if w := r.Workers()[i]; w.InFlight != want {
				t.Errorf("%s has %d in flight, want %d", w.Name, w.InFlight, want)
			}
		}
		if v := r.Versions()[0]; v.Queued != 11 {
			t.Errorf("%d wait, want 11", v.Queued)
		}
		cancel()
		askers.Wait()
		r.wantStates(t, models.StateNew, models.StateNew, models.StateNew)
	})
}

func TestPoolDrawsTies(t *testing.T) {
	r := newRig(pool.Options{}, says("a"), says("b"), says("c"), says("d"))
	for range 400 {
		r.ask(t)
	}
	for i, w := range r.workers {
		if n := w.calls.Load(); n < 40 {
			t.Errorf("w%d got %d of 400", i, n)
		}
	}
}

func TestPoolFailsOver(t *testing.T) {
	never := func() bool { return false }
	always := func() bool { return true }
	for _, test := range []struct {
		name     string
		scripts  []script
		shown    func() bool
		text     string
		class    fault.Class
		attempts int
	}{
		{"refused", []script{fails(errDown), says("b")}, nil, "b", 0, 2},
		{"refused twice", []script{fails(errDown), fails(errDown), says("c")}, nil, "c", 0, 3},
		{"refused three times", []script{fails(errDown), fails(errDown), fails(errDown), says("d")}, nil, "", fault.Retryable, 3},
		{"only one worker", []script{fails(errDown)}, nil, "", fault.Retryable, 1},
		{"bad request", []script{fails(errBad), says("b")}, nil, "", fault.Permanent, 1},
		{"bug", []script{fails(errors.New("?")), says("b")}, nil, "", fault.Bug, 1},
		{"key refused", []script{fails(errKey), says("b")}, nil, "b", 0, 2},
		{"rate limited", []script{fails(errLimited), says("b")}, nil, "b", 0, 2},
		{"cut, nobody asked what is shown", []script{breaksAfter("a", errDown), says("b")}, nil, "a", fault.Retryable, 1},
		{"cut, shown", []script{breaksAfter("a", errDown), says("b")}, always, "a", fault.Retryable, 1},
		{"cut, not shown", []script{breaksAfter("a", errDown), says("b")}, never, "b", 0, 2},
		{"cut twice, not shown", []script{breaksAfter("a", errDown), breaksAfter("b", errDown), says("c")}, never, "c", 0, 3},
		{"ends without finish", []script{func(context.Context, func(models.Delta, error) bool) {}, says("b")}, nil, "b", 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Round robin takes them in their order.
			r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, test.scripts...)
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

func TestPoolWithoutWorkers(t *testing.T) {
	res := newRig(pool.Options{}).ask(t)
	if fault.ClassOf(res.Err) != fault.Retryable || !strings.Contains(fault.Public(res.Err), "not reachable") {
		t.Errorf("%v", res.Err)
	}
}

// TestPoolChaos: whatever happens, no place stays taken and no answer is made up.
func TestPoolChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var scripts []script
		for range 4 {
			scripts = append(scripts, func(ctx context.Context, yield func(models.Delta, error) bool) {
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				kinds := []script{
					says("whole"), says("whole"), says("whole"), says("whole"), fails(errDown), fails(errBad), fails(errLimited), fails(errKey),
					breaksAfter("part", errDown), waits, func(context.Context, func(models.Delta, error) bool) { panic("worker") },
				}
				kinds[rand.IntN(len(kinds))](ctx, yield)
			})
		}
		var accounts, settled atomic.Int32
		r := newRig(pool.Options{
			Hedge: true, Workers: []pool.Worker{{Name: "w0", Probe: func(context.Context) error { return nil }}},
			Account: func(pool.Attempt) { accounts.Add(1) },
			Admit:   func(models.Request) (func(models.Usage), error) { return func(models.Usage) { settled.Add(1) }, nil },
		}, scripts...)
		ctx, stop := context.WithCancel(t.Context())
		var running, askers sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		running.Go(func() { // workers come and go
			for n := 0; ctx.Err() == nil; n++ {
				time.Sleep(700 * time.Millisecond)
				o := r.options
				o.Workers = o.Workers[n%3:]
				r.Reload(o)
			}
			r.Reload(r.options)
		})
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
		calls := int32(0)
		for _, w := range r.workers {
			calls += w.calls.Load()
		}
		if v := r.Versions()[0]; len(r.Loads()) != 0 || v.Queued != 0 || v.QueuedTokens != 0 {
			t.Errorf("left over: %v, %+v", r.Loads(), v)
		}
		if len(r.events) != 6400 || settled.Load() != 6400 || accounts.Load() != calls {
			t.Errorf("%d events and %d settled for 6400 answers, %d accounts for %d attempts", len(r.events), settled.Load(), accounts.Load(), calls)
		}
	})
}

func chaosTurn(t *testing.T, p *pool.Pool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2000))*time.Millisecond)
	defer cancel()
	defer func() { _ = recover() }() // the panics of worker and reader below
	req := modeltest.Ask("hi")
	if rand.IntN(2) == 0 {
		req.Shown = func() bool { return false }
	}
	req.Restart = rand.IntN(2) == 0
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
	var workers []pool.Worker
	for i := range 16 {
		workers = append(workers, pool.Worker{Name: fmt.Sprint(i), Client: &scripted{chat: says("x")}})
	}
	p := pool.New(pool.Options{Name: "main", Model: "tiny", Workers: workers})
	b.ReportAllocs()
	for b.Loop() {
		for range p.Chat(b.Context(), models.Request{}) {
		}
	}
}
