package cache

import (
	"cmp"
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
)

// The defaults of Options.
const (
	DefaultWeight = 64 << 20
	DefaultFresh  = time.Hour
	DefaultStale  = time.Hour
)

// Options make a Cache.
type Options struct {
	// Client gives the answers that are not there.
	Client models.Client
	// Version gives the model and the digest of the version that would answer; nil for
	// the model of the request.
	Version func(models.Request) string
	// Weight bounds what is kept in the process, in bytes, about; 0 for DefaultWeight.
	Weight uint64
	// Room bounds what it puts in a Remote; nil for as much again.
	Room *Room
	// Fresh is how long an answer is given as it is, and Stale how long after that it is
	// given once more while it is asked for anew; 0 for the defaults, Stale below 0 for
	// not at all. Together they are at most MaxKeep.
	Fresh, Stale time.Duration
	// Generations are the process's; nil for those of a Cache alone.
	Generations *Generations
	// Share has answers kept in the Remote of the Generations too, for other nodes.
	Share bool
	Log   zerolog.Logger
}

// Stats counts what became of requests that an answer could be kept for.
type Stats struct {
	// Hits are answers given again, Stale (of Hits) those past their time, Remote (of
	// Hits) those that another node, or an earlier process, had kept.
	Hits, Stale, Remote int64
	// Joined shared an answer that was on its way, and Misses were asked for anew. Kept
	// are the answers that will be given again.
	Joined, Misses, Kept int64
}

// Cache is a Client that gives an answer once more when everything it depends on is the
// same: the payer, the skill and its version, the model and its version, the words and
// pictures, the tools, how words are drawn, and the generations of all of these. Only
// requests at temperature 0, or whose caller says so (models.Caching), are kept, and
// only answers that came to their own end without tools. It is safe for concurrent use.
type Cache struct {
	o       Options
	kept    *otter.Cache[key, *answer]
	remote  *shared
	present *Generations
	stats   struct{ hits, stale, remote, joined, misses, kept atomic.Int64 }

	mu      sync.Mutex
	closed  bool
	flights map[trip]*flight
	running sync.WaitGroup
}

// trip is what those who share an answer on its way have in common, beside the key.
type trip struct {
	key     key
	band    models.Band
	restart bool
}

var _ models.Client = (*Cache)(nil)

// New makes a Cache, which is to be closed.
func New(o Options) *Cache {
	o.Weight = cmp.Or(o.Weight, DefaultWeight)
	if o.Room == nil {
		o.Room = NewRoom(o.Weight)
	}
	o.Fresh = cmp.Or(o.Fresh, DefaultFresh)
	o.Stale = max(cmp.Or(o.Stale, DefaultStale), 0)
	if o.Version == nil {
		o.Version = func(r models.Request) string { return r.Model }
	}
	if o.Generations == nil {
		o.Generations = NewGenerations(nil, o.Log)
	}
	c := &Cache{o: o, flights: make(map[trip]*flight), present: o.Generations}
	if o.Share {
		c.remote = o.Generations.remote
	}
	c.kept = otter.Must(&otter.Options[key, *answer]{
		MaximumWeight:    o.Weight,
		Weigher:          func(_ key, a *answer) uint32 { return a.weight() },
		ExpiryCalculator: otter.ExpiryWriting[key, *answer](o.Fresh + o.Stale),
		// Its housekeeping is short, and needs no goroutine that outlives a request.
		Executor: func(fn func()) { fn() },
	})
	return c
}

// Close ends what is on its way and waits for it. Requests after it go by the cache.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.flights {
		f.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
	c.kept.StopAllGoroutines()
}

// Stats tells what became of requests so far.
func (c *Cache) Stats() Stats {
	s := &c.stats
	return Stats{
		Hits: s.hits.Load(), Stale: s.stale.Load(), Remote: s.remote.Load(),
		Joined: s.joined.Load(), Misses: s.misses.Load(), Kept: s.kept.Load(),
	}
}

// cacheable tells whether an answer that was given before will do.
func cacheable(r models.Request) bool {
	switch r.Cache.Mode {
	case models.CacheAlways:
		return true
	case models.CacheNever:
		return false
	default:
		return r.Temperature != nil && *r.Temperature == 0
	}
}

// Chat gives the answer that is kept, or the one of the Client below.
func (c *Cache) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	if !cacheable(r) {
		return c.o.Client.Chat(ctx, r)
	}
	return func(yield func(models.Delta, error) bool) {
		version := c.o.Version(r)
		words, ok := c.present.of(ctx, tags(r, version))
		if !ok {
			pass(c.o.Client.Chat(ctx, r), yield)
			return
		}
		k := keyOf(r, version, words)
		a, at := c.look(k)
		if at == gone {
			c.share(ctx, r, k, yield)
			return
		}
		c.again(ctx, r, k, a, at, yield)
	}
}

func (c *Cache) look(k key) (*answer, state) {
	a, ok := c.kept.GetIfPresent(k)
	if !ok {
		return nil, gone
	}
	return a, a.state(time.Now())
}

// again gives an answer that is kept.
func (c *Cache) again(ctx context.Context, r models.Request, k key, a *answer, at state, yield func(models.Delta, error) bool) {
	c.hit(ctx, r, k, at)
	for d := range a.pieces {
		if !yield(d, nil) {
			return
		}
	}
}

// hit counts an answer that is given again, and looks for a new one when it is time.
func (c *Cache) hit(ctx context.Context, r models.Request, k key, at state, also ...*atomic.Int64) {
	c.stats.hits.Add(1)
	for _, n := range also {
		n.Add(1)
	}
	if at == stale {
		c.stats.stale.Add(1)
		c.refresh(ctx, r, k)
	}
}

func pass(answer iter.Seq2[models.Delta, error], yield func(models.Delta, error) bool) {
	for d, err := range answer {
		if !yield(d, err) {
			return
		}
	}
}

// share gives an answer that is on its way, or has one begin.
func (c *Cache) share(ctx context.Context, r models.Request, k key, yield func(models.Delta, error) bool) {
	t := trip{k, r.Band, r.Restart}
	w := &follower{shown: r.Shown}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		pass(c.o.Client.Chat(ctx, r), yield)
		return
	}
	f, under := c.flights[t]
	if under && f.join(w) {
		c.stats.joined.Add(1)
	} else if a, at := c.look(k); at != gone {
		// It came in the moment between the two looks.
		c.mu.Unlock()
		c.again(ctx, r, k, a, at, yield)
		return
	} else {
		f = c.begin(ctx, r, t, false)
		f.join(w)
	}
	c.mu.Unlock()
	f.follow(ctx, w, yield)
}

// refresh has a stale answer asked for anew, for nobody who waits.
func (c *Cache) refresh(ctx context.Context, r models.Request, k key) {
	r.Band, r.Shown, r.Restart = models.Batch, nil, true
	t := trip{k, r.Band, r.Restart}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, under := c.flights[t]; !under && !c.closed {
		c.begin(ctx, r, t, true)
	}
}

// begin starts an answer. It is called with the lock.
func (c *Cache) begin(ctx context.Context, r models.Request, t trip, again bool) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, followers: make(map[*follower]struct{}), alone: again}
	if !again {
		r.Shown = f.shown
	}
	c.flights[t] = f
	c.running.Go(func() {
		defer cancel()
		var kept *answer
		f.run(func() (err error) {
			kept, err = c.give(ctx, f, r, t.key, again)
			return err
		})
		c.mu.Lock()
		if c.flights[t] == f {
			delete(c.flights, t)
		}
		c.mu.Unlock()
		if kept != nil {
			// Nobody has to wait for that, nor can end it.
			c.publish(context.WithoutCancel(ctx), t.key, kept)
		}
	})
	return f
}

// give streams an answer to a flight: the remote's, or a new one. It gives one that is
// to be published.
func (c *Cache) give(ctx context.Context, f *flight, r models.Request, k key, again bool) (*answer, error) {
	if a := c.fetch(ctx, k); a != nil && (!again || a.state(time.Now()) == fresh) {
		c.kept.Set(k, a)
		for d := range a.pieces {
			f.add(d)
		}
		if !again {
			c.hit(ctx, r, k, a.state(time.Now()), &c.stats.remote)
		}
		return nil, nil
	}
	if !again {
		c.stats.misses.Add(1)
	}
	var got collector
	for d, err := range c.o.Client.Chat(ctx, r) {
		if err != nil {
			return nil, err
		}
		got.add(d)
		f.add(d)
	}
	if !got.whole() {
		return nil, nil
	}
	c.stats.kept.Add(1)
	until := time.Now().Add(c.o.Fresh)
	a := &answer{Text: string(got.text), Model: got.model, Version: got.version, Usage: got.usage, Fresh: until, Stale: until.Add(c.o.Stale)}
	c.kept.Set(k, a)
	return a, nil
}
