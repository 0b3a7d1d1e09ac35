package crash

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/parley-hub/parley/test/wire"
)

// fault is something that happens to the cluster.
type fault struct {
	name string
	// draw draws where it happens and takes that for itself. It gives what to do, which
	// returns when all is well again; nil when there is no such thing now.
	draw func(w *world, rng *rand.Rand) func()
}

// length is how long the faults last that last.
type length struct{ pause, hold, slow, refuse time.Duration }

var (
	long  = length{pause: 15 * time.Second, hold: 5 * time.Second, slow: 5 * time.Second, refuse: 3 * time.Second}
	short = length{pause: 3 * time.Second, hold: 2 * time.Second, slow: 2 * time.Second, refuse: time.Second}
)

// faults are all that can happen, in the order from which they are drawn.
func faults(d length) []fault {
	return []fault{
		{"kill", onNode(func(w *world, n *node) {
			n.Kill()
			n.Start()
			w.up(n)
		})},
		{"pause", onNode(func(w *world, n *node) {
			n.Signal(syscall.SIGSTOP)
			last(d.pause)
			n.Signal(syscall.SIGCONT)
			w.up(n)
		})},
		{"roll", roll},
		{"redis-kill", onRedis(failOver)},
		{"redis-restart", onRedis(restart)},
		{"cut", onLink(func(ps []*wire.Proxy, caller string) {
			each(ps, func(p *wire.Proxy) { p.Cut(caller) })
		})},
		{"refuse", onLink(func(ps []*wire.Proxy, caller string) {
			each(ps, func(p *wire.Proxy) {
				p.Set(caller, wire.Weather{Refuse: true})
				p.Cut(caller)
			})
			last(d.refuse)
			each(ps, func(p *wire.Proxy) { p.Set(caller, wire.Weather{}) })
		})},
		{"slow", onLink(weather(wire.Weather{Delay: 200 * time.Millisecond}, d.slow))},
		{"hold", onLink(weather(wire.Weather{Hold: true}, d.hold))},
		{"worker", func(w *world, rng *rand.Rand) func() {
			workers := w.links["models"]
			p := workers[rng.IntN(len(workers))]
			return w.taking("worker", func() { // one at a time: the other works
				p.Set(wire.Everybody, wire.Weather{Refuse: true})
				p.Cut(wire.Everybody)
				last(d.refuse)
				p.Set(wire.Everybody, wire.Weather{})
			})
		}},
		{"postgres-restart", func(w *world, _ *rand.Rand) func() {
			return w.taking("postgres", func() {
				if err := w.records.Restart(); err != nil {
					w.t.Error(err)
				}
			})
		}},
		{"storm", onCrowd(func(c *crowd, rng *rand.Rand) func() {
			sim, ok := c.sim.(stormy)
			if !ok {
				return nil
			}
			calls := 1 + rng.IntN(10)
			return func() { sim.storm(calls) }
		})},
		{"twice", onCrowd(func(c *crowd, rng *rand.Rand) func() {
			sim, ok := c.sim.(repeating)
			if !ok {
				return nil
			}
			times := 1 + rng.IntN(10)
			return func() { sim.repeat(times) }
		})},
		{"swap", onCrowd(func(c *crowd, rng *rand.Rand) func() {
			if _, ok := c.sim.(swapping); !ok {
				return nil
			}
			pairs := 1 + rng.IntN(4)
			return func() { c.swaps.Store(int64(pairs)) }
		})},
	}
}

// stormy platforms can refuse the next calls that send something, with a 429.
type stormy interface{ storm(calls int) }

// repeating platforms can tell the next events twice.
type repeating interface{ repeat(events int) }

// swapping platforms can tell somebody's next message after the one behind it.
type swapping interface{ swap(person int) }

// placing platforms keep a place for each answer from when it was asked for. A hub that
// could not remember the place says so, and the answer comes at the end of the chat.
type placing interface{ unplaced() string }

// retelling platforms tell a message that a hub received and could not read once more,
// behind what was said meanwhile: they know which.
type retelling interface {
	retold(person int) map[string]bool
}

// last lets a fault last.
func last(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func each(ps []*wire.Proxy, do func(*wire.Proxy)) {
	for _, p := range ps {
		do(p)
	}
}

// weather sets it for a while.
func weather(weather wire.Weather, d time.Duration) func(ps []*wire.Proxy, caller string) {
	return func(ps []*wire.Proxy, caller string) {
		each(ps, func(p *wire.Proxy) { p.Set(caller, weather) })
		last(d)
		each(ps, func(p *wire.Proxy) { p.Set(caller, wire.Weather{}) })
	}
}

// taking does something with what nobody else may do something with meanwhile; nil when
// somebody does.
func (w *world) taking(what string, do func()) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[what] {
		return nil
	}
	w.busy[what], w.drawn = true, what
	return func() {
		do()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy[what] = false
	}
}

func onNode(do func(*world, *node)) func(*world, *rand.Rand) func() {
	return func(w *world, rng *rand.Rand) func() {
		n := w.nodes[rng.IntN(len(w.nodes))]
		return w.taking(n.name, func() { do(w, n) })
	}
}

// onLink is what happens between a hub and all servers of one kind, or all platforms
// that call the hub.
func onLink(do func(ps []*wire.Proxy, caller string)) func(*world, *rand.Rand) func() {
	return func(w *world, rng *rand.Rand) func() {
		n := w.nodes[rng.IntN(len(w.nodes))]
		kinds := []string{"calls"}
		for kind := range w.links {
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		kind := kinds[rng.IntN(len(kinds))]
		ps, caller := w.links[kind], n.name
		if kind == "calls" {
			ps, caller = []*wire.Proxy{n.front}, wire.Everybody
		}
		return w.taking(n.name+" and "+kind, func() { do(ps, caller) })
	}
}

func onCrowd(draw func(*crowd, *rand.Rand) func()) func(*world, *rand.Rand) func() {
	return func(w *world, rng *rand.Rand) func() {
		c := w.crowds[rng.IntN(len(w.crowds))]
		w.drawn = c.name
		return draw(c, rng)
	}
}

// onRedis is what happens to a server of a Redis that can bear it.
func onRedis(do func(*world, *rand.Rand)) func(*world, *rand.Rand) func() {
	return func(w *world, rng *rand.Rand) func() {
		seed := rng.Uint64()
		return w.taking("redis", func() {
			if !w.wait("Redis is whole", w.redis.whole) {
				return
			}
			do(w, rand.New(rand.NewPCG(seed, seed)))
			w.wait("Redis is whole again", w.redis.whole)
		})
	}
}

// failOver kills a master, and starts it again when another has its place.
func failOver(w *world, rng *rand.Rand) {
	masters := w.redis.masters()
	master := masters[rng.IntN(len(masters))]
	master.Kill()
	w.wait("a replica takes over", func() error { return w.redis.replaced(master) })
	master.Restart()
}

// restart kills a master and starts it again at once.
func restart(w *world, rng *rand.Rand) {
	masters := w.redis.masters()
	master := masters[rng.IntN(len(masters))]
	master.Kill()
	master.Restart()
}

// roll stops and starts one hub after the other, as a new release does. Nothing else
// happens meanwhile.
func roll(w *world, _ *rand.Rand) func() {
	w.drawn = "all hubs"
	return func() {
		for _, n := range w.nodes {
			w.stop(n)
			n.Start()
			w.up(n)
		}
	}
}

// strike lets faults happen until ctx ends, and heals all.
func (w *world) strike(ctx context.Context, all []fault, every time.Duration) {
	began := time.Now()
	if len(all) == 0 {
		<-ctx.Done()
	}
	for ctx.Err() == nil {
		f := all[w.rng.IntN(len(all))]
		wait := every/2 + time.Duration(w.rng.Int64N(int64(every)))
		if f.name == "roll" {
			w.underWay.Wait()
		}
		if do := f.draw(w, w.rng); do != nil {
			w.t.Logf("%3.0f s: %s, %s", time.Since(began).Seconds(), f.name, w.drawn)
			w.met[f.name]++
			if f.name == "roll" {
				do()
			} else {
				w.underWay.Go(do)
			}
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
	w.underWay.Wait()
	w.t.Logf("%3.0f s: all is well again", time.Since(began).Seconds())
}
