package pool_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// resuming is a worker that goes on where an answer broke off.
type resuming struct{ prefixes []string }

func (r *resuming) Chat(_ context.Context, req models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		r.prefixes = append(r.prefixes, req.Prefix)
		whole := "one two three"
		says(whole[len(req.Prefix):])(context.Background(), yield)
	}
}

// broken is a pool whose first worker breaks off behind "one ", and whose second one
// can what it says.
func broken(t *testing.T, can models.Capabilities, o pool.Options) (*pool.Pool, *resuming, func()) {
	t.Helper()
	second := &resuming{}
	tell := func(context.Context) (models.Server, error) { return models.Server{Capabilities: can}, nil }
	alive := func(context.Context) error { return nil }
	o.Name, o.Model, o.Policy = "main", "m", models.PolicyRoundRobin
	o.Workers = []pool.Worker{
		{Name: "w0", Client: &scripted{chat: breaksAfter("one ", errDown)}, Probe: alive},
		{Name: "w1", Client: second, Probe: alive, Tell: tell},
	}
	p := pool.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	synctest.Wait()
	return p, second, func() { cancel(); <-done }
}

func TestBrokenAnswer(t *testing.T) {
	all := models.Capabilities{Chat: true, Tools: true, JSONSchema: true, Continue: true}
	no := models.Capabilities{Chat: true, Tools: true, JSONSchema: true}
	seen := func() bool { return true }
	unseen := func() bool { return false }
	for name, test := range map[string]struct {
		can      models.Capabilities
		change   func(*models.Request)
		text     string
		resets   int
		prefixes []string
		outcomes []pool.Outcome
	}{
		"not seen: again":                  {all, func(r *models.Request) { r.Shown = unseen }, "one two three", 1, []string{""}, []pool.Outcome{pool.RetryWaste, pool.Served}},
		"seen: goes on":                    {all, func(r *models.Request) { r.Shown = seen }, "one two three", 0, []string{"one "}, []pool.Outcome{pool.Served, pool.Served}},
		"seen, goes on before it restarts": {all, func(r *models.Request) { r.Restart = true }, "one two three", 0, []string{"one "}, []pool.Outcome{pool.Served, pool.Served}},
		"seen, cannot go on":               {no, func(r *models.Request) { r.Shown = seen }, "one ", 0, nil, []pool.Outcome{pool.RetryWaste}},
		"seen, cannot go on, replaceable":  {no, func(r *models.Request) { r.Restart = true }, "one two three", 1, []string{""}, []pool.Outcome{pool.RetryWaste, pool.Served}},
		"seen, half an object":             {all, func(r *models.Request) { r.Format = &models.Format{} }, "one ", 0, nil, []pool.Outcome{pool.RetryWaste}},
		"seen, half a call":                {all, func(r *models.Request) { r.Tools = []models.Tool{{Name: "x"}} }, "one ", 0, nil, []pool.Outcome{pool.RetryWaste}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var outcomes []pool.Outcome
				p, second, stop := broken(t, test.can, pool.Options{Account: func(a pool.Attempt) { outcomes = append(outcomes, a.Outcome) }})
				defer stop()
				req := modeltest.Ask("count")
				test.change(&req)
				resets, text := 0, ""
				var failure error
				for d, err := range p.Chat(t.Context(), req) {
					if d.Reset {
						resets, text = resets+1, ""
					}
					text += d.Text
					failure = err
				}
				if text != test.text || resets != test.resets || !slices.Equal(second.prefixes, test.prefixes) || !slices.Equal(outcomes, test.outcomes) {
					t.Errorf("%q, %d resets, prefixes %q, outcomes %v", text, resets, second.prefixes, outcomes)
				}
				if whole := text == "one two three"; whole != (failure == nil) || !whole && fault.Public(failure) != "The answer broke off." {
					t.Errorf("%q ended with %v", text, failure)
				}
			})
		})
	}
}

// TestRestartsOnce: what somebody reads is replaced once, not again and again.
func TestRestartsOnce(t *testing.T) {
	r := newRig(pool.Options{}, breaksAfter("a", errDown), breaksAfter("b", errDown), breaksAfter("c", errDown), breaksAfter("d", errDown))
	req := modeltest.Ask("hi")
	req.Restart = true
	resets := 0
	for d := range r.Chat(t.Context(), req) {
		if d.Reset {
			resets++
		}
	}
	if resets != 1 {
		t.Errorf("%d restarts", resets)
	}
}

func TestSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errBudget := fault.New(fault.RateLimited, "budget", errors.New("spent"), fault.WithPublic("Come back tomorrow."))
		admitted, refuse := 0, false
		var settled []models.Usage
		var attempts []pool.Attempt
		counted := func(_ context.Context, yield func(models.Delta, error) bool) {
			yield(models.Delta{Text: "hello", Finish: models.FinishStop, Usage: &models.Usage{Prompt: 7, Completion: 2, Cached: 3}}, nil)
		}
		act := &changing{now: counted}
		r := newRig(pool.Options{
			Admit: func(models.Request) (func(models.Usage), error) {
				if refuse {
					return nil, errBudget
				}
				admitted++
				return func(u models.Usage) { settled = append(settled, u) }, nil
			},
			Account: func(a pool.Attempt) { attempts = append(attempts, a) },
		}, act.chat)
		req := modeltest.Ask("what is up")
		req.For, req.Trace = models.Payer{Person: "ada"}, "t1"
		modeltest.Collect(t, t.Context(), r.Pool, req)
		want := pool.Attempt{
			Trace: "t1", For: models.Payer{Person: "ada"}, Pool: "main", Version: "main", Model: "tiny", Worker: "w0", Number: 1,
			Outcome: pool.Served, Usage: models.Usage{Prompt: 7, Completion: 2, Cached: 3},
		}
		got := attempts[0]
		got.FirstContent = 0
		if got != want || settled[0] != want.Usage {
			t.Errorf("%+v, settled %+v", got, settled)
		}
		act.set(says("hello")) // does not say what it cost
		modeltest.Collect(t, t.Context(), r.Pool, req)
		if a := attempts[1]; !a.Estimated || a.Usage.Prompt == 0 || a.Usage.Completion != 2 || settled[1] != a.Usage {
			t.Errorf("%+v, settled %+v", a, settled)
		}
		act.set(fails(errDown))
		modeltest.Collect(t, t.Context(), r.Pool, req)
		if a := attempts[2]; a.Outcome != pool.RetryWaste || settled[2] != (models.Usage{}) {
			t.Errorf("%+v, settled %+v", a, settled)
		}
		act.set(says("hello"))
		for range r.Chat(t.Context(), req) {
			break
		}
		if a := attempts[3]; a.Outcome != pool.Cancelled || len(settled) != 4 {
			t.Errorf("%+v, settled %+v", a, settled)
		}
		refuse = true
		if res := modeltest.Collect(t, t.Context(), r.Pool, req); fault.Public(res.Err) != "Come back tomorrow." || admitted != 4 || r.workers[0].calls.Load() != 4 {
			t.Errorf("%v after %d admitted", res.Err, admitted)
		}
	})
}

func TestWarmsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pulse := &prober{result: fault.New(fault.Retryable, "probe", models.ErrLoading)}
		warmed := make(chan error)
		w := &scripted{chat: says("a")}
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{
			Name: "w", Client: w, Probe: pulse.probe,
			Warm: func(context.Context) error { return <-warmed },
			Tell: func(context.Context) (models.Server, error) { return models.Server{Slots: 3}, nil },
		}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.Run(ctx) }()
		state := func(want models.State, slots int) {
			t.Helper()
			synctest.Wait()
			if s := p.Workers()[0]; s.State != want || s.Slots != slots {
				t.Errorf("%+v, want %s", s, want)
			}
		}
		state(models.StateWarming, models.DefaultSlots)
		if res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi")); res.Err == nil || w.calls.Load() != 0 {
			t.Errorf("a worker that loads its model was asked: %+v", res)
		}
		pulse.set(nil)
		time.Sleep(3 * time.Second)
		state(models.StateWarming, models.DefaultSlots)
		warmed <- nil
		state(models.StateReady, 3)
		// The model is loaded anew.
		w.chat = fails(fault.New(fault.Retryable, "chat", models.ErrLoading, fault.WithWait(2*time.Second)))
		modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi"))
		state(models.StateWarming, 3)
		cancel()
		close(warmed)
		<-done
	})
}
