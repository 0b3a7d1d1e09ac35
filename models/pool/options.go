package pool

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
)

// Options is what a pool is made from, and what Reload changes it to.
type Options struct {
	// Name is the pool's name in the configuration.
	Name string
	// Versions share the conversations by weight. A pool with only one may give its
	// Model and Workers instead.
	Versions []Version
	Model    string
	Workers  []Worker
	// Policy is models.PolicyAuto when it is empty.
	Policy models.Policy
	// Vision is true when the model sees pictures.
	Vision bool
	// FirstContent bounds the wait for an attempt's first content, which is shorter once
	// it is known how long others took; 0 means models.DefaultFirstContent.
	FirstContent time.Duration
	// Total bounds a whole answer with its wait in line and all its attempts; 0 means
	// models.DefaultTotal.
	Total time.Duration
	// Hedge asks a second worker where the first one is late and there is room.
	Hedge bool
	// Queue bounds each version's line; zeros mean the defaults.
	Queue models.QueueConfig

	// Admit reserves what a request may cost, or says that its payer has no more. settle
	// is called exactly once, with what was served. Nil admits everybody.
	Admit func(models.Request) (settle func(models.Usage), err error)
	// KeepWarm is how long a worker may be idle until it is warmed again; 0 means
	// DefaultKeepWarm. Warm tells of how many of a version's workers that holds now, of those
	// that were asked last; nil for none.
	KeepWarm time.Duration
	Warm     func(version string) int

	// Shadow copies requests to a version; its Admit is not nil where it names one.
	Shadow Shadow

	// Elsewhere tells how many requests other nodes have at a worker; nil for no others.
	Elsewhere func(worker string) int
	// Account is told of every attempt once; nil for nobody.
	Account func(Attempt)
	// Observer sees each answer's end as one core.StageModel; nil for nobody.
	Observer core.Observer
	Log      zerolog.Logger
	// Rand gives a number in [0, n), for ties and jitter; nil means a real one.
	Rand func(n int) int
}

// Version is one model of a pool and the workers that serve it.
type Version struct {
	// Name is unique in the pool. Model is the id the workers know it by.
	Name, Model string
	// Weight is its share of the conversations; 0 gets none.
	Weight  int
	Workers []Worker
}

// Worker is one member of a pool. What the pool knows about it outlives a Reload as long
// as model and name stay the same.
type Worker struct {
	// Name is unique among the workers of a model, for logs and metrics.
	Name   string
	Client models.Client
	// Slots is how many answers it works on at a time; 0 means what the server says, else
	// what its first contents teach, from models.DefaultSlots on.
	Slots int
	// Revision stands for how it is configured: when it changes, the server is asked anew
	// what it can do.
	Revision string
	// Probe asks it cheaply whether it lives. Nil: only requests tell.
	Probe func(ctx context.Context) error
	// Warm makes it ready for its first request, or keeps it so, by one generation behind
	// the usual system prompt. Nil for nothing.
	Warm func(ctx context.Context) error
	// Tell asks the server what it can do. Nil, and what it does not say: everything.
	Tell func(ctx context.Context) (models.Server, error)
	// Load asks the server how busy it is, for workers that others use too. Nil, and what
	// it does not say: nobody else does.
	Load func(ctx context.Context) (models.Load, error)
}

func (o Options) withDefaults() Options {
	if len(o.Versions) == 0 {
		o.Versions = []Version{{Name: models.OnlyVersion, Model: o.Model, Weight: 1, Workers: o.Workers}}
	}
	o.Policy = cmp.Or(o.Policy, models.PolicyAuto)
	o.FirstContent = cmp.Or(o.FirstContent, models.DefaultFirstContent)
	o.Total = cmp.Or(o.Total, models.DefaultTotal)
	o.Queue.Items = cmp.Or(o.Queue.Items, models.DefaultQueueItems)
	o.Queue.Tokens = cmp.Or(o.Queue.Tokens, models.DefaultQueueTokens)
	o.Queue.Wait = cmp.Or(o.Queue.Wait, models.DefaultQueueWait)
	if o.Admit == nil {
		o.Admit = func(models.Request) (func(models.Usage), error) { return func(models.Usage) {}, nil }
	}
	o.KeepWarm = cmp.Or(o.KeepWarm, DefaultKeepWarm)
	if o.Warm == nil {
		o.Warm = func(string) int { return 0 }
	}
	if o.Elsewhere == nil {
		o.Elsewhere = func(string) int { return 0 }
	}
	if o.Account == nil {
		o.Account = func(Attempt) {}
	}
	if o.Observer == nil {
		o.Observer = core.ObserverFunc(func(core.Event) {})
	}
	if o.Rand == nil {
		o.Rand = rand.IntN // spreads load, guards nothing
	}
	return o
}
