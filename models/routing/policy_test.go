package routing_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models/routing"
)

var names = []string{routing.Auto, routing.RoundRobin, routing.LeastOutstanding, routing.PowerOfTwo, routing.Sticky}

func policy(t testing.TB, name string, index *routing.Index, seed uint64) routing.Policy {
	t.Helper()
	p, err := routing.New(routing.Options{Name: name, Index: index, Rand: rand.New(rand.NewPCG(seed, 1)).Float64})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fleet gives workers of equal speed that have nothing to do.
func fleet(n, slots int) []routing.Worker {
	all := make([]routing.Worker, n)
	for i := range all {
		all[i] = routing.Worker{
			ID: fmt.Sprintf("gpu-%d", i), Slots: slots, Speed: 1, Weight: 1,
			Service: time.Second, PrefillPerToken: 200 * time.Microsecond,
		}
	}
	return all
}

func TestNewRefusesAnUnknownPolicy(t *testing.T) {
	_, err := routing.New(routing.Options{Name: "fastest"})
	if f := (*fault.Error)(nil); !errors.As(err, &f) || fault.ClassOf(err) != fault.Permanent {
		t.Fatalf("New gave %v", err)
	}
}

func drawPrompt(t *rapid.T) routing.Prompt {
	n := rapid.IntRange(0, 6).Draw(t, "blocks")
	p := routing.Prompt{
		Tokens: rapid.IntRange(0, 600).Draw(t, "tokens"), System: rapid.Uint64Range(0, 2).Draw(t, "system"),
		Session: rapid.Uint64Range(0, 3).Draw(t, "session"),
	}
	conv := rapid.Uint64Range(0, 2).Draw(t, "conversation")
	for i := range uint64(n) {
		p.Blocks = append(p.Blocks, 1+conv*100+i)
	}
	return p
}

func TestPickKeepsToTheCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := routing.NewIndex(8)
		o := routing.Options{Name: rapid.SampledFrom(names).Draw(t, "policy"), Index: index, Rand: rand.New(rand.NewPCG(1, 2)).Float64}
		p, err := routing.New(o)
		if err != nil {
			t.Fatal(err)
		}
		workers := fleet(rapid.IntRange(0, 5).Draw(t, "workers"), 1)
		for i := range workers {
			w := &workers[i]
			w.Slots = rapid.IntRange(0, 9).Draw(t, "slots")
			w.Weight = rapid.SampledFrom([]float64{0, 0.1, 0.25, 1}).Draw(t, "weight")
			w.Speed = rapid.SampledFrom([]float64{0, 0.25, 1, 7}).Draw(t, "speed")
			w.Service = time.Duration(rapid.IntRange(0, 3).Draw(t, "service")) * time.Second
		}
		for range rapid.IntRange(1, 60).Draw(t, "picks") {
			room, top := false, 0.0
			for _, w := range workers {
				top = max(top, w.Weight)
			}
			within := func(w routing.Worker) bool {
				return w.Weight > 0 && float64(w.InFlight) < 1.25*float64(max(w.Slots, 1))*w.Weight/top
			}
			for _, w := range workers {
				room = room || within(w)
			}
			prompt := drawPrompt(t)
			i := p.Pick(prompt, workers)
			switch {
			case i < 0 && room && o.Name != routing.Auto:
				t.Fatalf("nobody was picked of %+v", workers)
			case i < 0:
				// Auto may wait for a faster one, which must then have something to end.
				busy := 0
				for j := range workers {
					busy += workers[j].InFlight
					workers[j].InFlight = max(workers[j].InFlight-1, 0)
				}
				if room && busy == 0 {
					t.Fatalf("nobody was picked of %+v", workers)
				}
			case !within(workers[i]):
				t.Fatalf("worker %d was picked of %+v", i, workers)
			default:
				workers[i].InFlight++
				index.Insert(workers[i].ID, prompt)
			}
		}
	})
}

// shares lets a policy keep so many requests in flight, and gives each worker's part of them.
func shares(p routing.Policy, workers []routing.Worker, flying, picks int) []float64 {
	rnd := rand.New(rand.NewPCG(3, 4))
	var under []int
	got := make([]float64, len(workers))
	for range picks {
		i := p.Pick(routing.Prompt{Tokens: 500, Session: rnd.Uint64()}, workers)
		if i >= 0 {
			workers[i].InFlight++
			under = append(under, i)
			got[i] += 1 / float64(picks)
		}
		if len(under) >= flying || i < 0 {
			k := rnd.IntN(len(under))
			workers[under[k]].InFlight--
			under[k] = under[len(under)-1]
			under = under[:len(under)-1]
		}
	}
	return got
}

func TestSharesFollowWeight(t *testing.T) {
	for _, name := range names {
		for _, weight := range []float64{0.1, 0.25, 1} {
			for _, flying := range []int{1, 6, 16, 32} {
				t.Run(fmt.Sprintf("%s/%v/%d", name, weight, flying), func(t *testing.T) {
					workers := fleet(4, 8)
					workers[2].Weight = weight
					got := shares(policy(t, name, routing.NewIndex(0), 1), workers, flying, 20000)[2]
					// Its part is not exact: of few requests in flight one is much.
					if want := weight / (3 + weight); got < want/3 || got > 2.5*want {
						t.Errorf("the worker of weight %v gets %.3f, want about %.3f", weight, got, want)
					}
				})
			}
		}
	}
}

func TestAllWarmingUpCountAsWhole(t *testing.T) {
	for _, name := range names {
		workers := fleet(2, 4)
		for i := range workers {
			workers[i].Weight, workers[i].InFlight = 0.1, 4
		}
		if p := policy(t, name, nil, 1); p.Pick(routing.Prompt{Session: 1}, workers) < 0 {
			t.Errorf("%s: nobody takes a request, although all have room", name)
		}
	}
}

func TestRoundRobinTakesTurns(t *testing.T) {
	p, workers := policy(t, routing.RoundRobin, nil, 1), fleet(3, 1)
	for n := range 9 {
		if i := p.Pick(routing.Prompt{}, workers); i != n%3 {
			t.Fatalf("pick %d is worker %d", n, i)
		}
	}
}

func TestStickyKeepsASession(t *testing.T) {
	p, workers := policy(t, routing.Sticky, nil, 1), fleet(5, 2)
	home := p.Pick(routing.Prompt{Session: 77}, workers)
	without := append(append([]routing.Worker{}, workers[:(home+1)%5]...), workers[(home+1)%5+1:]...)
	if i := p.Pick(routing.Prompt{Session: 77}, without); without[i].ID != workers[home].ID {
		t.Error("the session moved because another worker left")
	}
	workers[home].InFlight = 3
	if i := p.Pick(routing.Prompt{Session: 77}, workers); i < 0 || i == home {
		t.Errorf("while its worker is full the session goes to %d", i)
	}
}
