package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/pool"
)

// farm is workers that answer, or are dead.
type farm struct {
	t   *testing.T
	set *poolset

	mu   sync.Mutex
	dead map[string]bool
	made []string
}

var errDead = errors.New("dead")

func (f *farm) kill(workers ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = map[string]bool{}
	for _, w := range workers {
		f.dead[w] = true
	}
}

func (f *farm) alive(worker string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead[worker] {
		return errDead
	}
	return nil
}

// farmhand is one of them.
type farmhand struct {
	f    *farm
	name string
}

func (h farmhand) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		if r.Affinity == "slow" {
			time.Sleep(10 * time.Second)
		}
		if err := h.f.alive(h.name); err != nil {
			yield(models.Delta{}, err)
			return
		}
		yield(models.Delta{Text: h.name, Finish: models.FinishStop}, ctx.Err())
	}
}

// inFarm runs a test on pools whose time is not real.
func inFarm(t *testing.T, c models.Config, test func(f *farm)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &farm{t: t}
		f.set = &poolset{
			registry: &models.Registry{}, real: &models.Registry{}, log: zerolog.Nop(),
			without: func() models.Offer {
				return models.Offer{Default: "none", Pools: map[string]models.Client{"none": farmhand{f, "none"}}}
			},
			blend: func(name string) *blend {
				return &blend{
					name: name, signals: fleet.NewSignals(fleet.SignalsOptions{}), found: map[string][]fleet.Address{}, made: map[madeKey]madeWorker{},
					worker: func(w models.WorkerConfig, _ string, _ models.PoolConfig) (pool.Worker, error) {
						if w.Name() == "odd" {
							return pool.Worker{}, errDead
						}
						f.made = append(f.made, w.Name())
						return pool.Worker{Name: w.Name(), Client: farmhand{f, w.Name()}, Probe: func(context.Context) error { return f.alive(w.Name()) }}, nil
					},
				}
			},
			options: func(name string, p models.PoolConfig, _ *fleet.Signals) pool.Options {
				return pool.Options{Name: name, Policy: p.Policy, Log: zerolog.Nop()}
			},
			front: func(name string, _ models.PoolConfig, over *pool.Pool, _ models.CacheConfig, _ *front) *front {
				return &front{Pool: over, name: name, chat: over}
			},
		}
		f.apply(c)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = f.set.run(ctx) })
		f.pass(10 * time.Second)
		test(f)
		cancel()
		running.Wait()
	})
}

func (f *farm) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (f *farm) apply(c models.Config) {
	f.t.Helper()
	if err := f.set.apply(c.WithDefaults()); err != nil {
		f.t.Fatal(err)
	}
}

// asked gives who answers a pool, or the default one, over many conversations.
func (f *farm) asked(pool string) string {
	f.t.Helper()
	who := map[string]bool{}
	for i := range 64 {
		who[f.ask(pool, fmt.Sprint(i))] = true
	}
	var all []string
	for name := range who {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (f *farm) ask(pool, affinity string) string {
	c, ok := f.set.registry.Choose(models.Wish{Chosen: pool, ChosenBy: models.RoleAdmin})
	if !ok {
		return "nobody"
	}
	for d, err := range c.Client.Chat(f.t.Context(), models.Request{Affinity: affinity, Messages: []models.Message{{Role: models.User, Text: "x"}}}) {
		if err != nil {
			f.t.Errorf("asked %s: %v", pool, err)
			return "failed"
		}
		if d.Finish != "" {
			return d.Text
		}
	}
	return "nothing"
}

func (f *farm) want(pool, who string, waits ...string) {
	f.t.Helper()
	if got := f.asked(pool); got != who {
		f.t.Errorf("%q was answered by %q, want %q", pool, got, who)
	}
	if got := f.set.waits(); !slices.Equal(got, waits) {
		f.t.Errorf("it waits for %q, want %q", got, waits)
	}
}

// ending is how many pools are gone and not idle.
func (f *farm) ending() int {
	f.set.mu.Lock()
	defer f.set.mu.Unlock()
	return len(f.set.retired)
}

// at makes workers by their names.
func at(names ...string) (all []models.WorkerConfig) {
	for _, n := range names {
		all = append(all, models.WorkerConfig{URL: "http://" + n})
	}
	return all
}

func v(name string, weight int, workers ...string) models.VersionConfig {
	return models.VersionConfig{Name: name, Weight: weight, Model: name, Workers: at(workers...)}
}

func onePool(versions ...models.VersionConfig) models.Config {
	return models.Config{Pools: map[string]models.PoolConfig{"chat": {Versions: versions}}}
}

func TestAVersionAnswersWhenItCan(t *testing.T) {
	inFarm(t, onePool(v("blue", 1, "b1")), func(f *farm) {
		f.want("", "b1")
		f.kill("g1")
		f.apply(onePool(v("green", 1, "g1")))
		f.want("", "b1", "chat/green")
		f.pass(time.Minute)
		f.want("", "b1", "chat/green")
		f.kill()
		f.pass(10 * time.Second)
		f.want("", "g1")
		f.apply(onePool(v("green", 1, "g1"), v("blue", 1, "b2")))
		f.want("", "g1", "chat/blue")
		f.pass(10 * time.Second)
		f.want("", "b2 g1")
		// One that is ready already gets its weight at once, and loses it at once.
		f.apply(onePool(v("green", 0, "g1"), v("blue", 1, "b2")))
		f.want("", "b2")
		f.apply(onePool(v("green", 1, "g1"), v("blue", 0, "b2")))
		f.want("", "g1")
	})
}

func TestNewWorkersOfAVersion(t *testing.T) {
	inFarm(t, onePool(v("blue", 1, "b1", "b2")), func(f *farm) {
		f.want("", "b1 b2")
		f.kill("b3")
		f.apply(onePool(v("blue", 1, "b3")))
		f.want("", "b1 b2", "chat/blue")
		f.apply(onePool(v("blue", 1, "b3", "b2"))) // another thought
		f.want("", "b2")
		f.kill()
		f.pass(time.Minute)
		f.want("", "b2 b3")
		if slices.ContainsFunc(f.set.registry.Workers(), func(w models.WorkerStatus) bool { return w.Name == "b1" }) {
			t.Error("a worker that is gone is still there")
		}
		if want := []string{"b1", "b2", "b3"}; !slices.Equal(f.made, want) {
			t.Errorf("made %v, want %v", f.made, want)
		}
		// Where all are dead there is nothing to wait with.
		f.kill("b2", "b3")
		f.pass(time.Minute)
		f.apply(onePool(v("blue", 1, "b4")))
		f.pass(10 * time.Second)
		f.want("", "b4")
	})
}

func TestPoolsComeAndGo(t *testing.T) {
	both := func(fallback string) models.Config {
		return models.Config{Default: fallback, Pools: map[string]models.PoolConfig{
			"chat": {Model: "m", Workers: at("c1")}, "big": {Model: "m", Workers: at("g1")},
		}}
	}
	inFarm(t, onePool(v("main", 1, "c1")), func(f *farm) {
		f.kill("g1")
		f.apply(both("big"))
		// Who names it is answered by the default until it can, and so is everybody.
		f.want("big", "c1", "big", "chat/main")
		f.want("", "c1", "big", "chat/main")
		only := models.Config{Pools: map[string]models.PoolConfig{"big": {Model: "m", Workers: at("g1")}}}
		f.apply(only)
		f.want("", "c1", "big")
		f.want("chat", "c1", "big") // it is gone, and answers as the default of before
		f.kill()
		f.pass(10 * time.Second)
		f.want("", "g1")
		f.want("chat", "g1")
		if names := f.set.real.Names(); !slices.Equal(names, []string{"big"}) {
			t.Errorf("programs see %v", names)
		}
		f.apply(models.Config{})
		f.want("", "none")
		f.want("big", "none")
		if names := f.set.real.Names(); len(names) > 0 {
			t.Errorf("programs see %v", names)
		}
		f.apply(both("chat"))
		f.pass(10 * time.Second)
		f.want("", "c1")
		f.want("big", "g1")
	})
}

// A request that is under way keeps its version and its pool, which end when it does.
func TestWhatIsUnderWayGoesOn(t *testing.T) {
	inFarm(t, onePool(v("blue", 1, "b1"), v("green", 0, "g1")), func(f *farm) {
		var slow sync.WaitGroup
		slow.Go(func() {
			if got := f.ask("", "slow"); got != "b1" {
				t.Errorf("what was admitted before was answered by %s", got)
			}
		})
		synctest.Wait()
		f.apply(onePool(v("green", 1, "g1")))
		f.want("", "g1")
		f.apply(models.Config{Pools: map[string]models.PoolConfig{"new": {Model: "m", Workers: at("n1")}}})
		f.pass(5 * time.Second)
		f.want("", "n1")
		if n := f.ending(); n != 1 {
			t.Errorf("%d pools are ending, want 1", n)
		}
		slow.Wait()
		f.pass(time.Second)
		if f.ending() > 0 {
			t.Error("a pool that is idle is still there")
		}
	})
}

func TestAChangeThatFailsChangesNothing(t *testing.T) {
	inFarm(t, onePool(v("blue", 1, "b1")), func(f *farm) {
		c := onePool(v("blue", 1, "b2"), v("green", 1, "odd"))
		c.Pools["new"] = models.PoolConfig{Model: "m", Workers: at("n1")}
		if err := f.set.apply(c.WithDefaults()); !errors.Is(err, errDead) {
			t.Errorf("%v", err)
		}
		f.pass(10 * time.Second)
		f.want("", "b1")
		f.want("new", "b1")
	})
}
