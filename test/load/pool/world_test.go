package pool_test

import (
	"context"
	"fmt"
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
	cache    = 64 << 10
)

// vocabulary is what the workers answer with; MaxTokens says how much of it.
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

func gpu(seed uint64) modeltest.Options {
	return modeltest.Options{
		Kind: models.KindVLLM, Slots: slots, Prefill: prefill, PerToken: perToken, Cache: cache, PerChunk: 8, Seed: seed,
		Answer: func([]models.Message) string { return vocabulary },
	}
}

// world is a pool and its workers in a bubble of time.
type world struct {
	t       *testing.T
	net     *modeltest.Net
	workers []*modeltest.Worker
	pool    *pool.Pool
	// stop ends the pool's Run.
	stop func()
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
	o := pool.Options{Name: "bench", Model: "fake"}
	for i := range s.workers {
		g := gpu(*seed + uint64(i))
		if s.worker != nil {
			s.worker(i, &g)
		}
		server := net.Start(g)
		w.workers = append(w.workers, server)
		name := fmt.Sprintf("w%d", i)
		c, err := openaichat.New(openaichat.Options{Base: server.Base(), HTTP: net.Client(), Worker: name})
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = append(o.Workers, pool.Worker{Name: name, Client: c, Slots: slots, Probe: c.Probe})
	}
	if s.pool != nil {
		s.pool(&o)
	}
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
