package answers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
)

const config = `
http: {listen: "ADDRESS", public_url: "http://ADDRESS"}
data_dir: "DIR"
channels: {%s}
models:
  pools:
    chat:
      first_content_timeout: 3s
      idle_timeout: 1s
      total_timeout: 30s
      hedge: true
      versions:
        - {name: blue, weight: 60, model: blue-7b, workers: [%s]}
        - {name: green, weight: 40, model: green-8b, workers: [%s]}
skills: {rate: {count: 0}}
shutdown: 10s
log: {level: debug}
`

// workers are those of the test: some can take up an answer that another began, some
// cannot, and blue has both.
var workers = []struct {
	version string
	kind    models.Kind
}{
	{"blue", models.KindVLLM}, {"blue", models.KindVLLM}, {"blue", models.KindOllama},
	{"green", models.KindOllama}, {"green", models.KindOllama},
}

var served = map[string]string{"blue": "blue-7b", "green": "green-8b"}

// world is the hub and all around it.
type world struct {
	t        *testing.T
	hub      *hubtest.Hub
	model    *model
	machines []*machine
	crowds   []*crowd
	troubles []trouble
	met      map[string]int
	rng      *rand.Rand
	seed     uint64
	leave    []func() int64
	// restarted tells that the hub was, which counts anew then; counted are the failures of
	// workers by its own count.
	restarted bool
	counted   float64
}

// crowd is the people of one platform.
type crowd struct {
	*platform
	chats []*chat
}

func newWorld(t *testing.T, seed uint64, each int) *world {
	w := &world{
		t: t, model: &model{}, troubles: troublesOf(t, *only), met: map[string]int{},
		rng: rand.New(rand.NewPCG(seed, seed)), seed: seed,
	}
	listed := map[string][]string{}
	for i, o := range workers {
		name := fmt.Sprint(o.version, i)
		m := &machine{name: name, Worker: w.model.start(t, name, o.version, modeltest.Options{
			Model: served[o.version], Kind: o.kind, Slots: 8, FirstToken: 30 * time.Millisecond, PerToken: 25 * time.Millisecond,
			Cache: 100_000, Context: 32_768, Chunk: i % 2 * 5, Seed: seed + uint64(i),
		})}
		w.machines = append(w.machines, m)
		listed[o.version] = append(listed[o.version], fmt.Sprintf(`{url: %q, kind: %s, slots: 8}`, m.Base(), o.kind))
	}
	var channels []string
	for _, open := range platforms {
		c := &crowd{platform: open(t, *people, each)}
		for n := range *people {
			c.chats = append(c.chats, newChat(len(w.crowds)*100+n))
		}
		w.leave = append(w.leave, c.watch(func(s sight) { c.chats[s.person].see(s) }))
		channels = append(channels, c.channels)
		w.crowds = append(w.crowds, c)
	}
	w.hub = hubtest.New(t, fmt.Sprintf(config, strings.Join(channels, ", "), strings.Join(listed["blue"], ", "), strings.Join(listed["green"], ", ")))
	return w
}

func (w *world) start() {
	w.hub.Start()
	w.hub.WaitReady()
	for _, c := range w.crowds {
		c.connect(w.t, "http://"+w.hub.Address)
	}
}

// talk lets everybody ask one question after the other, each when it is known what became
// of the last one, until stop is closed.
func (w *world) talk(ctx context.Context, stop <-chan struct{}) error {
	var talking sync.WaitGroup
	errs := make(chan error, len(w.crowds)**people)
	for _, c := range w.crowds {
		for n := range c.chats {
			rng := rand.New(rand.NewPCG(w.seed, uint64(c.chats[n].person)))
			talking.Go(func() { errs <- c.talk(ctx, n, rng, stop) })
		}
	}
	talking.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (c *crowd) talk(ctx context.Context, n int, rng *rand.Rand, stop <-chan struct{}) error {
	for {
		pause := time.NewTimer(time.Duration(rng.IntN(500)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-stop:
			pause.Stop()
			return nil
		}
		q := c.chats[n].ask()
		if err := c.say(n, q.String()); err != nil {
			return err
		}
		told := func() bool {
			fates, _, _ := review(q.person, c.shown(n))
			return len(fates) > q.turn
		}
		if err := c.wait(ctx, told); err != nil {
			return fmt.Errorf("%s on %s: neither an answer nor a word why: %w", q, c.name, err)
		}
	}
}

// restart stops the hub as an operator does, and starts it again.
func (w *world) restart() {
	w.t.Log("the hub is stopped and started")
	w.restarted = true
	if code := w.hub.Stop(); code != 0 {
		w.t.Errorf("the hub ended with %d", code)
	}
	w.hub.Start()
	w.hub.WaitReady()
}

// settle waits until nothing is under way in the hub, and nobody sees anything new.
func (w *world) settle(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for w.hub.Metric("parley_queue_items") != 0 || w.hub.Metric("parley_worker_in_flight") != 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Errorf("the hub has not come to rest: %v items, %v answers in flight",
				w.hub.Metric("parley_queue_items"), w.hub.Metric("parley_worker_in_flight"))
			return
		}
	}
	w.counted = max(w.hub.Metric("parley_worker_faults_total"), 0)
	if code := w.hub.Stop(); code != 0 {
		w.t.Errorf("the hub ended with %d", code)
	}
	for i, leave := range w.leave {
		if lost := leave(); lost > 0 {
			w.t.Errorf("%s: %d of the things that people saw were not looked at", w.crowds[i].name, lost)
		}
	}
}
