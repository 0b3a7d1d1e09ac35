package pool_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// gauges is what a worker says about its load.
type gauges struct {
	mu    sync.Mutex
	load  models.Load
	err   error
	asked int
}

func (g *gauges) read(context.Context) (models.Load, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	return g.load, g.err
}

// set changes it, and gives how often it was asked since it last was.
func (g *gauges) set(l models.Load, err error) (asked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked, g.asked, g.load, g.err = g.asked, 0, l, err
	return asked
}

func busy(n float64) models.Load { return models.Load{Running: models.Gauge{Value: n, Known: true}} }

// watched is a pool that runs, with two workers of which the first has gauges.
func watched(t *testing.T, g *gauges, o pool.Options) (r *rig, stop func()) {
	t.Helper()
	o.Workers = []pool.Worker{{Name: "w0", Slots: 8, Load: g.read}, {Name: "w1", Slots: 8}}
	r = newRig(o, says("a"), says("b"))
	for range 20 {
		r.ask(t)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	return r, func() {
		cancel()
		running.Wait()
	}
}

// TestOthersAtAWorker: what its server has under way and this hub did not send is load.
func TestOthersAtAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gauges{load: busy(6)}
		r, stop := watched(t, g, pool.Options{Policy: models.PolicyLeastOutstanding})
		defer stop()
		others := func(want int) {
			t.Helper()
			if got := r.Workers()[0].Others; got != want {
				t.Errorf("%d requests of others, want %d", got, want)
			}
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		others(6)
		if part := r.shares(t, 50); part > 0 {
			t.Errorf("a worker that others use got %.2f", part)
		}
		// Ten times its slots is believed as far as its slots.
		g.set(busy(80), nil)
		time.Sleep(10 * time.Second)
		others(8)
		g.set(busy(0), nil)
		time.Sleep(20 * time.Second)
		others(0)
		if part := r.shares(t, 100); part < 0.3 {
			t.Errorf("it got %.2f when nobody else used it", part)
		}
	})
}

// TestOthersFade: what was read a while ago is worth nothing.
func TestOthersFade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gauges{load: busy(6)}
		r, stop := watched(t, g, pool.Options{})
		defer stop()
		time.Sleep(5 * time.Second)
		if asked := g.set(models.Load{}, errors.New("no route")); asked < 2 || asked > 3 {
			t.Errorf("it was asked %d times in five seconds", asked)
		}
		before := 6
		for range 4 {
			time.Sleep(3 * time.Second)
			now := r.Workers()[0].Others
			if now > before {
				t.Errorf("they went from %d to %d", before, now)
			}
			before = now
		}
		if before != 0 {
			t.Errorf("there are still %d", before)
		}
	})
}

// TestNonsenseIsToldOnce, and changes nothing; a server without gauges is left alone.
func TestNonsenseIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := &gauges{load: models.Load{Nonsense: true}}
		r, stop := watched(t, g, pool.Options{Log: zerolog.New(&log)})
		time.Sleep(time.Minute - time.Second)
		stop()
		if n := r.Workers()[0].Others; n != 0 {
			t.Errorf("%d requests of others", n)
		}
		if n := strings.Count(log.String(), "tells nonsense"); n != 1 {
			t.Errorf("it was told %d times: %s", n, &log)
		}
		if asked := g.set(models.Load{}, nil); asked != 1 {
			t.Errorf("a server that told nothing was asked %d times in a minute", asked)
		}
	})
}

// learned runs a worker of so many slots that nobody knows of under a closed loop, and
// gives how many the pool believes in.
func learned(t *testing.T, slots, askers int) (believed float64) {
	synctest.Test(t, func(t *testing.T) {
		net := modeltest.NewNet(t)
		server := net.Start(modeltest.Options{Slots: slots, FirstToken: 200 * time.Millisecond, PerToken: 20 * time.Millisecond})
		c, err := openaichat.New(openaichat.Options{Base: server.Base(), HTTP: net.Client(), Worker: "w"})
		if err != nil {
			t.Fatal(err)
		}
		p := pool.New(pool.Options{
			Name: "main", Model: "fake", Workers: []pool.Worker{{Name: "w", Client: c}},
			Queue: models.QueueConfig{Wait: time.Hour},
		})
		for range 10 {
			modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi"))
		}
		var all sync.WaitGroup
		var sum, looks atomic.Int64
		for range askers {
			all.Go(func() {
				for n := range 60 {
					modeltest.Collect(t, t.Context(), p, modeltest.Ask("tell me something of some length, please"))
					if n >= 20 { // what is believed goes up and down: one look says little
						sum.Add(int64(p.Workers()[0].Slots))
						looks.Add(1)
					}
				}
			})
		}
		all.Wait()
		believed = float64(sum.Load()) / float64(looks.Load())
	})
	return believed
}

func TestSlotsAreLearned(t *testing.T) {
	if n := learned(t, 3, 20); n < 2 || n > 6 { // 8 are believed in at first
		t.Errorf("3 slots are taken for %.1f", n)
	}
	if n := learned(t, 40, 60); n < 16 || n > 60 {
		t.Errorf("40 slots are taken for %.1f", n)
	}
}
