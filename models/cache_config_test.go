package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
)

func TestCacheDefaults(t *testing.T) {
	c := models.Config{Cache: models.DefaultCache(), Pools: map[string]models.PoolConfig{
		"main": {Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}, Batch: models.BatchConfig{Items: 8}},
	}}.WithDefaults()
	if c.Cache.Size != 64<<20 || c.Cache.Keep != time.Hour || c.Cache.Stale != time.Hour || c.Cache.Redis != nil {
		t.Errorf("%+v", c.Cache)
	}
	if got := c.Pools["main"].Batch; got != (models.BatchConfig{Items: 8, Tokens: 8192, Wait: 5 * time.Millisecond}) {
		t.Errorf("%+v", got)
	}
	if found := c.Validate(); found != nil {
		t.Errorf("problems: %v", found)
	}
}

func TestCacheProblems(t *testing.T) {
	pool := models.PoolConfig{Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}}
	bad := pool
	bad.Batch = models.BatchConfig{Items: -1, Tokens: -1, Wait: time.Minute}
	wanted := models.SemanticConfig{Pool: "gone", Skills: map[string]models.SemanticSkill{
		"chat": {Similarity: 0.5}, "faq": {Similarity: 1.1}, "own": {}, "most": {Similarity: 1},
	}}
	for name, test := range map[string]struct {
		cache models.CacheConfig
		pool  models.PoolConfig
		want  []string
	}{
		"all at once": {models.CacheConfig{Size: 1, Keep: 0, Stale: -1, Skills: []string{"chat", "", "chat"}, Semantic: wanted}, bad, []string{
			"pools.main.batch.items", "pools.main.batch.tokens", "pools.main.batch.wait", "cache.keep", "cache.stale", "cache.skills[1]",
			"cache.skills[2]", "cache.semantic.skills.chat.similarity", "cache.semantic.skills.faq.similarity", "cache.semantic.pool",
		}},
		"too long": {models.CacheConfig{Size: 1, Keep: 169 * time.Hour, Stale: 169 * time.Hour}, pool, []string{"cache.keep", "cache.stale"}},
		"nothing is kept": {models.CacheConfig{Semantic: models.SemanticConfig{Pool: "main", Skills: wanted.Skills}}, pool, []string{
			"cache.semantic.skills.chat.similarity", "cache.semantic.skills.faq.similarity", "cache.semantic",
		}},
		"no pool":    {models.CacheConfig{Size: 1, Keep: 1, Semantic: models.SemanticConfig{Skills: map[string]models.SemanticSkill{"a": {}}}}, pool, []string{"cache.semantic.pool"}},
		"no skill":   {models.CacheConfig{Size: 1, Keep: 1, Semantic: models.SemanticConfig{Pool: "main"}}, pool, []string{"cache.semantic.skills"}},
		"off":        {models.CacheConfig{}, pool, nil},
		"without it": {models.CacheConfig{Size: 1, Keep: time.Minute}, pool, nil},
	} {
		c := models.Config{Cache: test.cache, Pools: map[string]models.PoolConfig{"main": test.pool}}
		var keys []string
		for _, p := range c.WithDefaults().Validate() {
			keys = append(keys, p.Key)
		}
		if !slices.Equal(keys, test.want) {
			t.Errorf("%s: problems at %q, want %q", name, keys, test.want)
		}
	}
}
