package app

import (
	"context"
	"fmt"
	"reflect"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/models/pool"
)

// keepAnswers makes what has answers that are kept forgotten: here alone, or on all nodes.
func (a *App) keepAnswers() {
	var nodes cache.Remote
	if a.cluster != nil {
		nodes = a.cluster
	}
	a.generations = cache.NewGenerations(nodes, a.room("cache"))
	a.people.answers = a.generations
}

// frontOf puts a front before a pool. It goes on with the answers of the one before as
// long as they are kept in the same way; nil for none.
func (a *App) frontOf(name string, p models.PoolConfig, over *pool.Pool, c models.CacheConfig, before *front) *front {
	f := newFront(name, p, over, a.usage)
	f.config, f.cache = p, c
	switch {
	case before == nil:
	case reflect.DeepEqual(before.cache, c):
		f.saved, f.chat, f.exact, f.semantic, f.again = before.saved, before.chat, before.exact, before.semantic, before.again
		return f
	default:
		f.saved = before.saved
	}
	var vectors models.Embedder
	if c.Semantic.Pool != "" {
		vectors = vectorsOf{a.programs, c.Semantic.Pool}
	}
	f.keep(c, vectors, a.generations, a.room("cache"))
	return f
}

// vectorsOf makes vectors with the pool that has a name at the time.
type vectorsOf struct {
	registry *models.Registry
	pool     string
}

// Embed implements models.Embedder.
func (v vectorsOf) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	c, _ := v.registry.Client(v.pool)
	e, ok := c.(models.Embedder)
	if !ok {
		return models.Embeddings{}, fault.New(fault.Retryable, "make vectors", fmt.Errorf("model pool %q is not there", v.pool))
	}
	return e.Embed(ctx, r)
}

// stand puts the front before a pool that its configuration wants.
func (s *poolset) stand(b *blend) {
	p, c := s.config.Pools[b.name], s.config.Cache
	before := b.front
	if before != nil && reflect.DeepEqual(before.config, p) && reflect.DeepEqual(before.cache, c) {
		return
	}
	b.front = s.front(b.name, p, b.Pool, c, before)
	if before != nil && before.exact != b.front.exact {
		b.past = append(b.past, before)
	}
}

// clear ends what fronts of before keep, once nobody waits for an answer of the pool.
func (b *blend) clear() {
	if len(b.past) > 0 && !b.Busy() {
		for _, f := range b.past {
			f.close()
		}
		b.past = nil
	}
}

// close ends answers on their way that are to be kept, after run.
func (s *poolset) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.retired {
		b.end()
	}
	for _, b := range s.blends {
		b.end()
	}
}

// caches tells telemetry what became of requests that an answer could be kept for.
func (s *poolset) caches() []telemetry.CacheState {
	var all []telemetry.CacheState
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.names() {
		one := s.blends[name].front
		s := telemetry.CacheState{Pool: name, Saved: one.saved.Load()}
		if one.exact != nil {
			n := one.exact.Stats()
			s.Process, s.Stale, s.Redis, s.Joined, s.Misses = n.Hits-n.Remote, n.Stale, n.Remote, n.Joined, n.Misses
		}
		if one.semantic != nil {
			n := one.semantic.Stats()
			s.Similar, s.Shadow, s.Rejected, s.Failed = n.Hits, n.Shadow, n.Rejected, n.Failed
			s.Told, s.Dropped, s.Learned, s.Refused = n.Told, n.Dropped, n.Learned, n.Refused
		}
		if one.together != nil {
			n := one.together.Stats()
			s.Texts, s.Calls = n.Texts, n.Calls
		}
		all = append(all, s)
	}
	return all
}
