package pool_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// tenants share the workers; the first of them is the greedy one.
const tenants = 10

// crowdOf makes the requests of tenants that ask so many times a second each, with short
// prompts, so that what is compared is the line more than the caches.
func crowdOf(seconds int, rates [tenants]float64) (all []arrival) {
	for tenant, rate := range rates {
		if rate == 0 {
			continue
		}
		name := fmt.Sprint("tenant", tenant)
		asked := load{perSecond: rate, n: int(rate * float64(seconds)), people: 20, zipf: 1.1, longest: 500}.draw(*seed + uint64(tenant))
		for _, a := range asked {
			a.tenant = name
			a.req.For.Person = name
			// Another tenant's conversations are other ones.
			a.req.Messages[1].Text = name + " " + a.req.Messages[1].Text
			a.req.Affinity = name + a.req.Affinity
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b arrival) int { return int(a.at - b.at) })
	return all
}

func everybody(greedy, rate float64) (rates [tenants]float64) {
	rates[0] = greedy
	for i := 1; i < tenants; i++ {
		rates[i] = rate
	}
	return rates
}

// fairness is point 7.
func fairness(t *testing.T) []row {
	const (
		seconds = 90
		// brisk is how many of such requests the workers answer a second, about; share is
		// what a tenant asks for: all ten together half of that.
		brisk = 24
		share = 0.5 * brisk / tenants
	)
	others := func(s sample) bool { return s.tenant != "tenant0" }
	play := func(rates [tenants]float64) (r result) {
		inWorld(t, setup{policy: auto}, func(w *world) {
			r = run(w.t, w.pool, crowdOf(seconds, rates))
			w.wantQuiet()
		})
		return r
	}
	solo := play(everybody(0, share)).only(others)
	beside := play(everybody(10*share, share)).only(others)
	wait := ratio(beside.p99, solo.p99)
	all := play(everybody(10*share, 3*share))
	fair := jain(all, seconds)
	early, batch := jumped(t)
	return []row{
		{7, "one of ten tenants asks ten times its share: p99 of the others over that without it", fmt.Sprintf("%.2f", wait), "<= 2", judge(wait <= 2 && beside.failed() == 0)},
		{7, "all ask more than their share, one most: Jain's index of served tokens", fmt.Sprintf("%.3f", fair), ">= 0.95", judge(fair >= 0.95)},
		{7, fmt.Sprintf("batch requests, of %d, that went before an interactive one that waited", batch), fmt.Sprint(early), "0", judge(early == 0)},
	}
}

// jain is Jain's index of what tenants were served while all of them asked.
func jain(r result, seconds int) float64 {
	served := make(map[string]float64)
	for _, s := range r.samples {
		if s.err == nil && s.last.Usage != nil && s.at+s.all < time.Duration(seconds)*time.Second {
			served[s.tenant] += float64(s.last.Usage.Prompt + 2*s.last.Usage.Completion)
		}
	}
	sum, squares := 0.0, 0.0
	for _, x := range served {
		sum += x
		squares += x * x
	}
	return sum * sum / (tenants * squares)
}

// jumped counts batch requests that reached a worker while an interactive one, which had
// come before, did not.
func jumped(t *testing.T) (early, batch int) {
	t.Helper()
	var mu sync.Mutex
	reached := make(map[string]time.Time)
	watch := func(_ int, o *modeltest.Options) {
		o.Answer = func(messages []models.Message) string {
			mu.Lock()
			defer mu.Unlock()
			id, _, _ := strings.Cut(messages[len(messages)-1].Text, " ")
			if reached[id].IsZero() {
				reached[id] = time.Now()
			}
			return answerTo(messages)
		}
	}
	inWorld(t, setup{policy: auto, worker: watch}, func(w *world) {
		arrivals := usual(1.1*capacity, 800).draw(*seed)
		rnd := rand.New(rand.NewPCG(*seed, 7))
		for i := range arrivals {
			if rnd.IntN(2) == 0 {
				arrivals[i].req.Band = models.Batch
			}
		}
		began := time.Now()
		run(w.t, w.pool, arrivals)
		for i, a := range arrivals {
			went := reached[fmt.Sprint("#", i)]
			if a.req.Band != models.Batch || went.IsZero() {
				continue
			}
			batch++
			for j, b := range arrivals {
				if b.req.Band == models.Interactive && began.Add(b.at).Before(went) && reached[fmt.Sprint("#", j)].After(went) {
					early++
					break
				}
			}
		}
	})
	return early, batch
}
