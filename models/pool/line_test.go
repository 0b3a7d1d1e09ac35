package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// one is a pool with a single worker that works on one answer and has one waiting inside.
func one(o pool.Options, s script) *rig {
	o.Workers = []pool.Worker{{Name: "w0", Slots: 1}}
	return newRig(o, s)
}

func as(person string, band models.Band, text string) models.Request {
	r := modeltest.Ask(text)
	r.For.Person, r.Band = person, band
	return r
}

func TestLineIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := one(pool.Options{}, after(time.Second, "a"))
		var mu sync.Mutex
		var done []string
		var askers sync.WaitGroup
		ask := func(person string, band models.Band) {
			askers.Go(func() {
				res := modeltest.Collect(t, t.Context(), r.Pool, as(person, band, "hi"))
				mu.Lock()
				defer mu.Unlock()
				if done = append(done, person); res.Err != nil {
					t.Errorf("%s: %v", person, res.Err)
				}
			})
			synctest.Wait()
		}
		for range 2 {
			ask("first", models.Interactive)
		}
		ask("batch", models.Batch)
		for range 8 {
			ask("greedy", models.Interactive)
		}
		ask("modest", models.Interactive)
		askers.Wait()
		if i := slices.Index(done, "modest"); i > 5 {
			t.Errorf("one question waited for eight of somebody else: %v", done)
		}
		if i := slices.Index(done, "batch"); i < len(done)-2 { // the last two end together
			t.Errorf("what nobody waits for went before what somebody does: %v", done)
		}
		r.wantStates(t, models.StateReady)
		if v := r.Versions()[0]; v.Queued != 0 || v.QueuedTokens != 0 {
			t.Errorf("%+v", v)
		}
	})
}

func TestLineTellsHonestly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := &changing{now: after(time.Second, "a")}
		r := one(pool.Options{Queue: models.QueueConfig{Items: 4, Wait: 10 * time.Second}}, act.chat)
		r.ask(t)
		act.set(waits)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		var mu sync.Mutex
		var told []error
		ask := func(person string) {
			askers.Go(func() {
				res := modeltest.Collect(t, ctx, r.Pool, as(person, models.Interactive, "hi"))
				if ctx.Err() == nil {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, res.Err)
				}
			})
			synctest.Wait()
		}
		all := func() []error { mu.Lock(); defer mu.Unlock(); return slices.Clone(told) }
		for i := range 7 { // two are at work, four wait
			ask(fmt.Sprint(i))
		}
		if got := all(); len(got) != 1 || fault.ClassOf(got[0]) != fault.RateLimited || fault.Wait(got[0]) == 0 || !strings.Contains(fault.Public(got[0]), "number 5 in line") {
			t.Errorf("who came to a full line was told %v", got)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := all(); len(got) != 5 || !strings.Contains(fault.Public(got[4]), "in line") || r.Versions()[0].Queued != 0 {
			t.Errorf("%d were told, %d still wait", len(got), r.Versions()[0].Queued)
		}
		// Who leaves makes room at once.
		leaving, leave := context.WithCancel(ctx)
		askers.Go(func() { modeltest.Collect(t, leaving, r.Pool, modeltest.Ask("hi")) })
		synctest.Wait()
		if n := r.Versions()[0].Queued; n != 1 {
			t.Errorf("%d wait", n)
		}
		leave()
		synctest.Wait()
		if n := r.Versions()[0].Queued; n != 0 {
			t.Errorf("%d wait although they left", n)
		}
		cancel()
		askers.Wait()
		r.wantStates(t, models.StateReady)
	})
}

// TestLineIsToldWhenAllIsLost: nobody waits for workers that will not come back soon.
func TestLineIsToldWhenAllIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := &changing{now: after(5*time.Second, "a")}
		r := one(pool.Options{}, act.chat)
		began := time.Now()
		var askers sync.WaitGroup
		for range 6 {
			askers.Go(func() {
				modeltest.Collect(t, t.Context(), r.Pool, modeltest.Ask("hi"))
				if took := time.Since(began); took > 8*time.Second {
					t.Errorf("somebody was left waiting for %v", took)
				}
			})
		}
		synctest.Wait()
		act.set(fails(errDown))
		askers.Wait()
		if n := r.Versions()[0].Queued; n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// TestElsewhere: what other nodes have under way counts as load, and nobody waits for it.
func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		others := map[string]int{"w0": 10}
		r := newRig(pool.Options{Elsewhere: func(w string) int { mu.Lock(); defer mu.Unlock(); return others[w] }}, says("a"), says("b"))
		for range 100 {
			if res := r.ask(t); res.Text != "b" {
				t.Fatalf("the worker that others keep busy was asked: %+v", res)
			}
		}
		mu.Lock()
		others["w1"] = 10
		mu.Unlock()
		began := time.Now()
		if res := r.ask(t); res.Err != nil || time.Since(began) > 0 {
			t.Errorf("%+v after %v", res, time.Since(began))
		}
	})
}

// vectors is a worker that makes vectors and hears.
type vectors struct {
	scripted
	err   error
	asked int
}

func (v *vectors) Embed(_ context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	v.asked++
	return models.Embeddings{Vectors: make([][]float32, len(r.Texts)), Usage: models.Usage{Prompt: 5}, Model: r.Model}, v.err
}

func (v *vectors) Transcribe(_ context.Context, r models.TranscribeRequest) (models.Transcript, error) {
	v.asked++
	return models.Transcript{Text: "heard", Language: r.Language}, v.err
}

func TestVectorsAndTranscripts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead, well, mute := &vectors{err: errDown}, &vectors{}, &scripted{chat: says("a")}
		var attempts []pool.Attempt
		p := pool.New(pool.Options{
			Name: "main", Policy: models.PolicyRoundRobin, Account: func(a pool.Attempt) { attempts = append(attempts, a) },
			Versions: []pool.Version{
				{Name: "blue", Model: "m", Weight: 9, Workers: []pool.Worker{{Name: "mute", Client: mute}, {Name: "dead", Client: dead}, {Name: "well", Client: well}}},
				{Name: "green", Model: "n", Weight: 1, Workers: []pool.Worker{{Name: "other", Client: &vectors{}}}},
			},
		})
		for range 20 {
			got, err := p.Embed(t.Context(), models.EmbedRequest{Texts: []string{"a", "b"}, For: models.Payer{Person: "ada"}})
			if err != nil || len(got.Vectors) != 2 || got.Model != "m" || got.Worker != "well" {
				t.Fatalf("%+v, %v", got, err)
			}
			heard, err := p.Transcribe(t.Context(), models.TranscribeRequest{Language: "de"})
			if err != nil || heard.Text != "heard" || heard.Language != "de" || heard.Worker != "well" {
				t.Fatalf("%+v, %v", heard, err)
			}
		}
		if dead.asked > 10 || well.asked != 40 {
			t.Errorf("the dead one was asked %d times, the other one %d", dead.asked, well.asked)
		}
		last := attempts[len(attempts)-2]
		if last.Outcome != pool.Served || last.Usage.Prompt != 5 || last.Estimated || last.For.Person != "ada" {
			t.Errorf("%+v", last)
		}
		for _, w := range p.Workers() {
			if w.InFlight != 0 {
				t.Errorf("%+v", w)
			}
		}
		none := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{Name: "mute", Client: mute}}})
		if _, err := none.Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}}); fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
			t.Errorf("%v", err)
		}
	})
}

// TestMeasures: an oversized prompt reaches no worker.
func TestMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &scripted{chat: says("a")}
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{
			Name: "w", Client: w, Probe: func(context.Context) error { return nil },
			Tell: func(context.Context) (models.Server, error) {
				return models.Server{Capabilities: models.Capabilities{Chat: true, Context: 1000}}, nil
			},
		}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.Run(ctx) }()
		synctest.Wait()
		res := modeltest.Collect(t, t.Context(), p, modeltest.Ask(strings.Repeat("word ", 4000)))
		if !errors.Is(res.Err, models.ErrOverflow) || fault.ClassOf(res.Err) != fault.Permanent || fault.Public(res.Err) == "" || w.calls.Load() != 0 {
			t.Errorf("%v after %d calls", res.Err, w.calls.Load())
		}
		if res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi")); res.Err != nil {
			t.Errorf("%v", res.Err)
		}
		seen := modeltest.Ask("hi")
		seen.Messages[0].Images = []models.Image{{MIME: "image/png"}}
		if res := modeltest.Collect(t, t.Context(), p, seen); fault.ClassOf(res.Err) != fault.Permanent {
			t.Errorf("a model that sees nothing was shown a picture: %v", res.Err)
		}
		cancel()
		<-done
	})
}
