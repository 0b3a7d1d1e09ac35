package models_test

import (
	"slices"
	"testing"

	"github.com/parley-hub/parley/models"
)

func TestIntents(t *testing.T) {
	pool := models.PoolConfig{Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}}
	for name, test := range map[string]struct {
		intents models.IntentsConfig
		want    []string
	}{
		"all at once": {models.IntentsConfig{Pool: "gone", Threshold: 1.1, Margin: -0.1}, []string{"intents.margin", "intents.pool", "intents.threshold"}},
		"too little":  {models.IntentsConfig{Threshold: -0.1, Margin: 1.1}, []string{"intents.margin", "intents.threshold"}},
		"left out":    {models.IntentsConfig{}, nil},
		"default":     {models.DefaultIntents(), nil},
		"named":       {models.IntentsConfig{Pool: "main", Threshold: 1, Margin: 1}, nil},
	} {
		c := models.Config{Intents: test.intents, Pools: map[string]models.PoolConfig{"main": pool}}
		var keys []string
		for _, p := range c.WithDefaults().Validate() {
			keys = append(keys, p.Key)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, test.want) {
			t.Errorf("%s: problems at %q, want %q", name, keys, test.want)
		}
	}
	c := models.Config{Cache: models.CacheConfig{Semantic: models.SemanticConfig{Pool: "cache"}}}
	if got := c.IntentPool(); got != "cache" {
		t.Errorf("the pool is %q", got)
	}
	if c.Intents.Pool = "own"; c.IntentPool() != "own" {
		t.Errorf("the pool is %q", c.IntentPool())
	}
}
