package pool_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// computes is a worker's client that takes a time for each token of a prompt that it has
// not cached, which is the same part of each.
type computes struct {
	perToken time.Duration
	cached   float64
}

func (c computes) Chat(_ context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		prompt := len(r.Messages[0].Text) / 4
		u := models.Usage{Prompt: prompt, Cached: int(c.cached * float64(prompt)), Completion: 1}
		time.Sleep(time.Duration(u.Prompt-u.Cached) * c.perToken)
		if yield(models.Delta{Text: "ok"}, nil) {
			yield(models.Delta{Finish: models.FinishStop, Usage: &u}, nil)
		}
	}
}

// prompt is one of so many tokens that begins like no other.
func prompt(i, tokens int) models.Request {
	begin := fmt.Sprint(i)
	r := modeltest.Ask(begin + strings.Repeat("x", 4*tokens-len(begin)))
	r.Affinity = begin
	return r
}

// TestSlowForWhatItComputes: the worker that gets the long prompts is not the slow one.
func TestSlowForWhatItComputes(t *testing.T) {
	for name, test := range map[string]struct {
		first time.Duration
		slow  bool
	}{
		"alike": {2 * time.Millisecond, false},
		// Its delays are no worse than the other's, which has the longer prompts.
		"slower": {8 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pool.New(pool.Options{
					Name: "main", Model: "m", Policy: models.PolicyRoundRobin,
					Workers: []pool.Worker{
						{Name: "first", Client: computes{perToken: test.first}},
						{Name: "second", Client: computes{perToken: 2 * time.Millisecond}},
					},
				})
				for i := range 160 {
					// In turns: one of four of the first's is long, three of the second's.
					tokens := 200
					if long := i/2%4 == 3; long == (i%2 == 0) {
						tokens = 3000
					}
					if res := modeltest.Collect(t, t.Context(), p, prompt(i, tokens)); res.Err != nil {
						t.Fatal(res.Err)
					}
					all := p.Workers()
					if all[1].State == models.StateDegraded {
						t.Fatalf("after %d: %+v", i, all[1])
					}
					if all[0].State == models.StateDegraded {
						if !test.slow {
							t.Fatalf("after %d it is called slow", i)
						}
						return
					}
				}
				if test.slow {
					t.Error("nobody saw that it is slow")
				}
			})
		})
	}
}

// TestRollbackForWhatItComputes: a new version's caches are cold, which is not its fault.
func TestRollbackForWhatItComputes(t *testing.T) {
	for name, test := range map[string]struct {
		perToken time.Duration
		back     bool
	}{
		"cold":          {2 * time.Millisecond, false},
		"cold and slow": {8 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pool.New(pool.Options{Name: "main", Versions: []pool.Version{
					{Name: "blue", Model: "m-blue", Weight: 60, Workers: []pool.Worker{{Name: "b", Client: computes{2 * time.Millisecond, 0.9}}}},
					{Name: "green", Model: "m-green", Weight: 40, Workers: []pool.Worker{{Name: "g", Client: computes{test.perToken, 0.05}}}},
				}})
				for i := range 800 {
					if res := modeltest.Collect(t, t.Context(), p, prompt(i, 100+i*41%3900)); res.Err != nil {
						t.Fatal(res.Err)
					}
				}
				if v := p.Versions()[1]; (v.RolledBack != "") != test.back {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

// TestDeadlineForAForgottenPrompt: a worker may have to compute again what it is taken to
// have cached.
func TestDeadlineForAForgottenPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forgetful := &forgets{}
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{Name: "w", Client: forgetful}}})
		ask := func(i int) {
			if res := modeltest.Collect(t, t.Context(), p, prompt(i, 3000)); res.Err != nil {
				t.Errorf("%d: %v", i, res.Err)
			}
		}
		ask(0)
		forgetful.cached = 0.95
		for range 80 {
			ask(0)
		}
		forgetful.cached = 0
		ask(0)
	})
}

// forgets is computes with a cache that changes.
type forgets struct{ cached float64 }

func (f *forgets) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		for d, err := range (computes{2 * time.Millisecond, f.cached}).Chat(ctx, r) {
			if ctx.Err() != nil {
				yield(models.Delta{}, fault.New(fault.Retryable, "chat", context.Cause(ctx)))
				return
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
