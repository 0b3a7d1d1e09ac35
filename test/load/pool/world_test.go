package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// The policies that are compared.
const (
	roundRobin       = "round_robin"
	leastOutstanding = "least_outstanding"
	powerOfTwo       = "power_of_two"
	sticky           = "sticky"
	auto             = "auto"
)

// The time of the fake GPUs, about that of a model of eight billion weights on a small
// card: 4000 tokens of prompts a second, 800 of answers, and room for 64 thousand.
const (
	slots    = 8
	prefill  = 2 * time.Millisecond
	perToken = 10 * time.Millisecond
	cached   = 64 << 10
)

// vocabulary is what the workers answer with; the question says how much of it.
var vocabulary = func() string {
	var b strings.Builder
	for i := range 600 {
		fmt.Fprintf(&b, "word%03d ", i)
	}
	return strings.TrimSpace(b.String())
}()

// said gives the first n tokens of every answer.
func said(n int) string {
	end := len(vocabulary)
	for i, r := range vocabulary {
		if r == ' ' {
			if n--; n == 0 {
				end = i
				break
			}
		}
	}
	return vocabulary[:end]
}

// answerTo reads a question, "#17 70 and so on": the 17th, that asks for 70 words.
func answerTo(messages []models.Message) string {
	n := 1
	_, _ = fmt.Sscanf(messages[len(messages)-1].Text, "#%d %d", new(int), &n)
	return said(n)
}

func gpu(seed uint64) modeltest.Options {
	return modeltest.Options{
		Kind: models.KindVLLM, Slots: slots, Prefill: prefill, PerToken: perToken, Cache: cached, PerChunk: 8, Seed: seed,
		Answer: answerTo,
	}
}

// world is a pool and its workers in a bubble of time.
type world struct {
	t       *testing.T
	net     *modeltest.Net
	workers []*modeltest.Worker
	pool    *pool.Pool
	// options are the pool's, for a Reload.
	options pool.Options
	// stop ends the pool's Run.
	stop func()

	mu       sync.Mutex
	attempts []attempt
}

// setup is what a world is made of.
type setup struct {
	policy  string
	workers int
	// worker changes the options of one worker.
	worker func(i int, o *modeltest.Options)
	// pool changes the pool's.
	pool func(o *pool.Options)
}

// inWorld runs f in a bubble of its own.
func inWorld(t *testing.T, s setup, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		defer w.stop()
		f(w)
	})
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	net := modeltest.NewNet(t)
	w := &world{t: t, net: net}
	if s.workers == 0 {
		s.workers = 4
	}
	o := pool.Options{Name: "bench", Model: "fake", Policy: models.Policy(s.policy), Queue: patient(), Account: w.account, Rand: drawn()}
	for i := range s.workers {
		g := gpu(*seed + uint64(i))
		if s.worker != nil {
			s.worker(i, &g)
		}
		o.Workers = append(o.Workers, w.hire(g))
	}
	if s.pool != nil {
		s.pool(&o)
	}
	w.options = o
	w.pool = pool.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.pool.Run(ctx) })
	w.stop = func() {
		cancel()
		running.Wait()
	}
	synctest.Wait() // the first probes are over
	return w
}

// drawn gives the pool's numbers from the seed.
func drawn() func(n int) int {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(*seed, 1))
	return func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(n)
	}
}

// patient is a line in which everybody waits to the end: whoever is turned away has no
// delay to compare.
func patient() models.QueueConfig {
	return models.QueueConfig{Items: 1 << 20, Tokens: 1 << 40, Wait: time.Hour}
}

// hire starts a worker and gives the pool's side of it.
func (w *world) hire(g modeltest.Options) pool.Worker {
	w.t.Helper()
	server := w.net.Start(g)
	name := fmt.Sprintf("w%d", len(w.workers))
	w.workers = append(w.workers, server)
	c, err := openaichat.New(openaichat.Options{Base: server.Base(), HTTP: w.net.Client(), Worker: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return pool.Worker{
		Name: name, Client: c, Slots: slots, Probe: c.Probe,
		Tell: func(ctx context.Context) (models.Server, error) { return c.Discover(ctx, server.Model()) },
	}
}

// attempt is one that is over, and when it began.
type attempt struct {
	pool.Attempt
	began time.Time
}

func (w *world) account(a pool.Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, attempt{a, time.Now().Add(-a.Took)})
}

// wasted counts the attempts of hedges that lost, begun in a time, and gives their tokens
// as a part of those that were served.
func (w *world) wasted(from, to time.Time) (n int, share float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	served, lost := 0, 0
	for _, a := range w.attempts {
		switch a.Outcome {
		case pool.Served:
			served += a.Usage.Prompt + a.Usage.Completion
		case pool.HedgeWaste:
			lost += a.Usage.Prompt + a.Usage.Completion
			if !a.began.Before(from) && a.began.Before(to) {
				n++
			}
		}
	}
	return n, float64(lost) / float64(max(served, 1))
}

// counts adds up what happened at the workers.
func (w *world) counts() (sum modeltest.Counts) {
	for _, worker := range w.workers {
		c := worker.Counts()
		sum.Started += c.Started
		sum.Finished += c.Finished
		sum.Cancelled += c.Cancelled
		sum.Faulted += c.Faulted
		sum.Tokens += c.Tokens
		sum.AfterCancel += c.AfterCancel
		sum.Prompt += c.Prompt
		sum.Cached += c.Cached
		sum.Reported.Prompt += c.Reported.Prompt
		sum.Reported.Cached += c.Reported.Cached
		sum.Reported.Completion += c.Reported.Completion
		sum.InFlight += c.InFlight
		sum.Running += c.Running
		sum.Waiting += c.Waiting
	}
	return sum
}
