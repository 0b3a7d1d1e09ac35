package app

import (
	"maps"
	"slices"

	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/cache"
)

// fronts are the pools by name.
type fronts map[string]*front

// keepAnswers makes what has answers that are kept forgotten: here alone, or on all nodes.
func (a *App) keepAnswers() {
	var nodes cache.Remote
	if a.cluster != nil {
		nodes = a.cluster
	}
	a.generations = cache.NewGenerations(nodes, a.room("cache"))
	a.people.answers = a.generations
}

// vectors gives what makes those of questions; nil for none.
func (f fronts) vectors(pool string) models.Embedder {
	if of, ok := f[pool]; ok {
		return of
	}
	return nil
}

func (f fronts) close() {
	for _, one := range f {
		one.close()
	}
}

// states tells telemetry what became of requests that an answer could be kept for.
func (f fronts) states() []telemetry.CacheState {
	var all []telemetry.CacheState
	for _, name := range slices.Sorted(maps.Keys(f)) {
		one := f[name]
		s := telemetry.CacheState{Pool: name, Saved: one.saved.Load()}
		if one.exact != nil {
			n := one.exact.Stats()
			s.Process, s.Stale, s.Redis, s.Joined, s.Misses = n.Hits-n.Remote, n.Stale, n.Remote, n.Joined, n.Misses
		}
		if one.semantic != nil {
			n := one.semantic.Stats()
			s.Similar, s.Shadow, s.Rejected, s.Failed = n.Hits, n.Shadow, n.Rejected, n.Failed
		}
		if one.together != nil {
			n := one.together.Stats()
			s.Texts, s.Calls = n.Texts, n.Calls
		}
		all = append(all, s)
	}
	return all
}
