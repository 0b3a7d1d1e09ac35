package app

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/models/batch"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/models/pool"
	"github.com/parley-hub/parley/skills"
)

// sharedAccount bears the calls that make vectors for several payers at once. Each of them
// is admitted, and charged its part, above. No bot and no API key has a slash in its name.
const sharedAccount = "shared/batch"

// front is a pool as the rest of the hub sees it: answers that were given before in front
// of it, vectors made together.
type front struct {
	*pool.Pool
	name  string
	total time.Duration
	usage *usages
	// config and cache are what it is made from.
	config models.PoolConfig
	cache  models.CacheConfig
	// admit is the pool's own, for vectors.
	admit func(models.Request) (func(models.Usage), error)

	// chat is exact over semantic over the pool, as far as there are any.
	chat     models.Client
	exact    *cache.Cache
	semantic *cache.Semantic
	// again are the skills whose answers are as good the second time.
	again map[string]bool
	// saved is that of the pool's fronts before, too.
	saved *atomic.Int64
	// together is nil where each request for vectors goes by itself.
	together *batch.Batcher
}

var (
	_ models.Client      = (*front)(nil)
	_ models.Embedder    = (*front)(nil)
	_ models.Transcriber = (*front)(nil)
)

// newFront puts the batcher in front of a pool; answers are kept once keep is called.
func newFront(name string, p models.PoolConfig, over *pool.Pool, u *usages) *front {
	f := &front{Pool: over, name: name, total: p.Total, usage: u, admit: u.admit(served(p)), chat: over, saved: &atomic.Int64{}}
	if p.Batch.Items > 1 {
		unborne := func(u models.Usage) { f.vectors(pool.Attempt{Outcome: pool.Cancelled, Usage: u}) }
		f.together = batch.New(batch.Options{
			Embedder: over, Batch: p.Batch, Payer: models.Payer{Account: sharedAccount}, Unborne: unborne,
			Line: admission.LineOptions{Items: p.Queue.Items * p.Batch.Items, Tokens: p.Queue.Tokens},
			// Two for each worker: one that it works on, and the next.
			Calls: func() int { return max(batch.DefaultCalls, 2*len(over.Workers())) },
		})
	}
	return f
}

// keep has answers given again. Vectors for it are made by another front.
func (f *front) keep(cfg models.CacheConfig, vectors models.Embedder, g *cache.Generations, log zerolog.Logger) {
	if cfg.Size == 0 {
		return
	}
	f.again = map[string]bool{}
	for _, name := range cfg.Skills {
		f.again[name] = true
	}
	share, room := cfg.Redis == nil || *cfg.Redis, cache.NewRoom(uint64(cfg.Size))
	below := models.Client(f.Pool)
	if vectors != nil {
		wants := map[string]cache.SemanticSkill{}
		for name, s := range cfg.Semantic.Skills {
			if s.Similarity == 0 {
				s.Similarity = models.DefaultSimilarity
			}
			wants[name] = cache.SemanticSkill(s)
			// Who may get another question's answer may get the same one's.
			f.again[name] = f.again[name] || !s.Shadow
		}
		f.semantic = cache.NewSemantic(cache.SemanticOptions{
			Client: below, Embedder: vectors, Skills: wants, Version: f.version, Fresh: cfg.Keep, Generations: g, Share: share, Room: room, Log: log,
		})
		below = f.semantic
	}
	stale := cfg.Stale
	if stale == 0 {
		stale = -1
	}
	f.exact = cache.New(cache.Options{
		Client: below, Version: f.version, Weight: uint64(cfg.Size), Room: room, Fresh: cfg.Keep, Stale: stale,
		Generations: g, Share: share, Log: log,
	})
	f.chat = f.exact
}

// cachedSkills tells of skills that are to have answers kept and that nobody knows.
func cachedSkills(cfg models.CacheConfig, set *skills.Set) error {
	var known []string
	for _, s := range set.All() {
		known = append(known, s.Manifest().Name)
	}
	for _, name := range slices.Concat(cfg.Skills, slices.Sorted(maps.Keys(cfg.Semantic.Skills))) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("models.cache: there is no skill %q (there are: %s)", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// close ends answers on their way that are to be kept.
func (f *front) close() {
	if f.exact != nil {
		f.exact.Close()
	}
	if f.semantic != nil {
		f.semantic.Close()
	}
}

// version is what would answer a request. Names of pools and versions have no slash; those
// of models may have anything.
func (f *front) version(r models.Request) string {
	var b strings.Builder
	b.WriteString(f.name)
	for _, v := range f.Goes(r.Affinity) {
		b.WriteString("/" + v.Name + "/" + strconv.Quote(v.Model))
	}
	return b.String()
}

// Chat gives an answer that was given before, or the pool's. What was saved goes into the
// ledger.
func (f *front) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	if f.exact == nil {
		return f.chat.Chat(ctx, r)
	}
	if r.Cache.Mode == models.CacheAuto && f.again[r.For.Skill] {
		r.Cache.Mode = models.CacheAlways
	}
	answer := f.chat.Chat(ctx, r)
	return func(yield func(models.Delta, error) bool) {
		for d, err := range answer {
			if d.Saved != nil {
				f.save(r, *d.Saved)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// save notes an answer that cost nothing.
func (f *front) save(r models.Request, u models.Usage) {
	f.saved.Add(int64(u.Prompt) + int64(u.Completion))
	a := pool.Attempt{Trace: r.Trace, For: r.For, Pool: f.name, Number: 1, Outcome: cached, Usage: u}
	if all := f.Goes(r.Affinity); len(all) > 0 {
		a.Model = all[0].Model
		if len(all) == 1 {
			a.Version = all[0].Name
		}
	}
	f.usage.note(a)
}

// Embed makes vectors, together with those of others. Each payer is admitted and charged
// for its own texts.
func (f *front) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	if f.together == nil || len(r.Texts) == 0 {
		return f.Pool.Embed(ctx, r)
	}
	ctx, cancel := context.WithTimeout(ctx, f.total)
	defer cancel()
	messages := make([]models.Message, len(r.Texts))
	for i, text := range r.Texts {
		messages[i] = models.Message{Role: models.User, Text: text}
	}
	settle, err := f.admit(models.Request{Messages: messages, Band: r.Band, For: r.For, Trace: r.Trace})
	if err != nil {
		return models.Embeddings{}, err
	}
	got, err := f.together.Embed(ctx, r)
	settle(got.Usage)
	if err != nil {
		return models.Embeddings{}, err
	}
	f.vectors(pool.Attempt{Trace: r.Trace, For: r.For, Worker: got.Worker, Outcome: pool.Served, Usage: got.Usage, Estimated: got.Estimated})
	return got, nil
}

// vectors notes what somebody's vectors cost.
func (f *front) vectors(a pool.Attempt) {
	a.Pool, a.Number = f.name, 1
	if v, ok := f.Heaviest(); ok {
		a.Version, a.Model = v.Name, v.Model
	}
	f.usage.note(a)
}
