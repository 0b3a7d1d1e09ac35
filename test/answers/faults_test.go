package answers

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
)

// machine is a worker that things happen to, one at a time.
type machine struct {
	*modeltest.Worker
	name string
	// heal ends what happens to it, at healed; nil when all is well.
	heal   func()
	healed time.Time
}

// trouble is something that happens to a worker. It gives what ends it.
type trouble struct {
	name string
	// begin is called by the test's own goroutine.
	begin func(t *testing.T, m *machine, rng *rand.Rand) (heal func())
}

// killed is a process that dies, with its connections, and comes back with an empty cache.
func killed(t *testing.T, m *machine, _ *rand.Rand) func() {
	m.Refuse()
	return func() { m.Return(t) }
}

// restarted is the same, at once.
func restarted(t *testing.T, m *machine, _ *rand.Rand) func() {
	m.Refuse()
	m.Return(t)
	return func() {}
}

// slowed is a worker that is some times too slow.
func slowed(_ *testing.T, m *machine, rng *rand.Rand) func() {
	m.SetSpeed(0.05 + 0.3*rng.Float64())
	return func() { m.SetSpeed(1) }
}

// scripted is a fault that many requests meet, in the middle of the answer where it can.
func scripted(kind modeltest.Kind) trouble {
	return trouble{string(kind), func(_ *testing.T, m *machine, rng *rand.Rand) func() {
		f := modeltest.Fault{Kind: kind, After: rng.IntN(30), Probability: 0.4 + 0.6*rng.Float64(), Wait: time.Duration(rng.IntN(3)) * time.Second}
		switch kind {
		case modeltest.SlowTokens:
			f.Wait = 150 * time.Millisecond
		case modeltest.Loading:
			f.Probes = true
		}
		m.SetFaults(f)
		return func() { m.SetFaults() }
	}}
}

// odd is a way of speaking that is no fault, and must change nothing.
func odd(_ *testing.T, m *machine, rng *rand.Rand) func() {
	ways := []modeltest.Kind{
		modeltest.SplitBytes, modeltest.CRLF, modeltest.Comments, modeltest.NoSpace, modeltest.NoBlank, modeltest.BigLine, modeltest.NoDone,
		modeltest.Thinking, modeltest.UsageRunning, modeltest.Plain, modeltest.WrongType,
	}
	m.SetFaults(modeltest.Fault{Kind: ways[rng.IntN(len(ways))]}, modeltest.Fault{Kind: ways[rng.IntN(len(ways))], Probability: 0.5})
	return func() { m.SetFaults() }
}

// troubles are all that can happen, in the order from which they are drawn.
func troubles() []trouble {
	return []trouble{
		{"kill", killed},
		{"restart", restarted},
		{"slow", slowed},
		{"odd", odd},
		scripted(modeltest.SlowTokens),
		scripted(modeltest.SlowFirst),
		scripted(modeltest.Stall),
		scripted(modeltest.Cut),
		scripted(modeltest.ErrorEvent),
		scripted(modeltest.NoFinish),
		scripted(modeltest.DoneOnly),
		scripted(modeltest.Abort),
		scripted(modeltest.Reset),
		scripted(modeltest.BlackHole),
		scripted(modeltest.HeadersOnly),
		scripted(modeltest.RoleOnly),
		scripted(modeltest.RateLimited),
		scripted(modeltest.Unavailable),
		scripted(modeltest.Loading),
		scripted(modeltest.ServerError),
		scripted(modeltest.BadGateway),
		scripted(modeltest.WrongModel),
	}
}

func troublesOf(t *testing.T, names string) []trouble {
	all := troubles()
	if names == "" {
		return all
	}
	wanted := strings.Split(names, ",")
	all = slices.DeleteFunc(all, func(f trouble) bool { return !slices.Contains(wanted, f.name) })
	if len(all) != len(wanted) {
		t.Fatalf("-faults %s: there are no such", names)
	}
	return all
}

// strike lets things happen to the workers until ctx ends, one about every so often, and
// heals all. Meanwhile is called once, when half of the time is over.
func (w *world) strike(ctx context.Context, every, half time.Duration, meanwhile func()) {
	began := time.Now()
	for ctx.Err() == nil {
		f := w.troubles[w.rng.IntN(len(w.troubles))]
		m := w.machines[w.rng.IntN(len(w.machines))]
		lasts := every + time.Duration(w.rng.Int64N(int64(4*every)))
		pause := every/2 + time.Duration(w.rng.Int64N(int64(every)))
		if m.heal == nil {
			m.heal, m.healed = f.begin(w.t, m, w.rng), time.Now().Add(lasts)
			w.met[f.name]++
			w.t.Logf("%5.1f s: %s, %s, %.1f s", time.Since(began).Seconds(), m.name, f.name, lasts.Seconds())
		}
		if meanwhile != nil && time.Since(began) > half {
			meanwhile()
			meanwhile = nil
		}
		w.let(ctx, pause)
	}
	for _, m := range w.machines {
		m.well()
	}
	w.t.Logf("%5.1f s: all is well again", time.Since(began).Seconds())
}

// let lets time pass, and heals what is over.
func (w *world) let(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, m := range w.machines {
				if m.heal != nil && now.After(m.healed) {
					m.well()
				}
			}
		}
	}
}

func (m *machine) well() {
	if m.heal != nil {
		m.heal()
		m.heal = nil
	}
}

// happened lists what happened.
func (w *world) happened() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.met)) {
		fmt.Fprintf(&b, " %s %d", name, w.met[name])
	}
	return b.String()
}
