package models

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
)

// The defaults of CacheConfig and BatchConfig.
const (
	DefaultCacheSize = 64 << 20
	DefaultCacheKeep = time.Hour
	// DefaultSimilarity leaves room for other words and none for another question.
	DefaultSimilarity = 0.95
	// MaxCacheKeep bounds CacheConfig.Keep and Stale, each.
	MaxCacheKeep = 7 * 24 * time.Hour

	// DefaultBatchItems and DefaultBatchTokens bound a batch: more of them make a call
	// slower, and the worker no faster.
	DefaultBatchItems  = 32
	DefaultBatchTokens = 8192
	// DefaultBatchWait is as long as a person never notices, and five texts of a thousand a
	// second.
	DefaultBatchWait = 5 * time.Millisecond
)

// CacheConfig says which answers are given again.
type CacheConfig struct {
	// Size bounds what each pool keeps in the process, and as much again of what it puts in
	// Redis, vectors of questions included; 0 keeps no answers.
	Size core.Bytes `yaml:"size"`
	// Keep is how long an answer is given again, Stale how long after that it is while it is
	// asked for anew; 0 for not at all.
	Keep  time.Duration `yaml:"keep"`
	Stale time.Duration `yaml:"stale"`
	// Redis is whether nodes share answers and what they learned of questions there; left out, where there is a Redis.
	Redis *bool `yaml:"redis"`
	// Skills are those whose answers are as good the second time, at any temperature.
	Skills   []string       `yaml:"skills"`
	Semantic SemanticConfig `yaml:"semantic"`
}

// SemanticConfig says which questions may get the answer of one in other words.
type SemanticConfig struct {
	// Pool makes the vectors; empty for none of this.
	Pool string `yaml:"pool"`
	// Skills are those that want it, by name.
	Skills map[string]SemanticSkill `yaml:"skills"`
}

// SemanticSkill is what a skill wants of it.
type SemanticSkill struct {
	// Similarity is how much alike two questions must be, MinSimilarity to 1; 0 for
	// DefaultSimilarity.
	Similarity float64 `yaml:"similarity"`
	// Shadow is true when hits are only counted and logged, and every question asked.
	Shadow bool `yaml:"shadow"`
}

// BatchConfig bounds the calls in which a pool makes the vectors of many requests.
type BatchConfig struct {
	// Items is how many texts a call has at most, Tokens what they have together, estimated;
	// one item has each request go by itself.
	Items  int `yaml:"items"`
	Tokens int `yaml:"tokens"`
	// Wait is between two calls that are not full. A text that comes later than that after
	// the last call does not wait.
	Wait time.Duration `yaml:"wait"`
}

// DefaultCache is the CacheConfig of a file that says nothing about it.
func DefaultCache() CacheConfig {
	return CacheConfig{Size: DefaultCacheSize, Keep: DefaultCacheKeep, Stale: DefaultCacheKeep}
}

// WithDefaults fills in what was left out.
func (b BatchConfig) WithDefaults() BatchConfig {
	b.Items = cmp.Or(b.Items, DefaultBatchItems)
	b.Tokens = cmp.Or(b.Tokens, DefaultBatchTokens)
	b.Wait = cmp.Or(b.Wait, DefaultBatchWait)
	return b
}

func (b BatchConfig) validate(key string) []Problem {
	var found []Problem
	if b.Items < 1 {
		found = append(found, Problem{key + ".items", "must be at least 1, which has each request go by itself"})
	}
	if b.Tokens < 1 {
		found = append(found, Problem{key + ".tokens", "must be at least 1"})
	}
	if b.Wait <= 0 || b.Wait > time.Second {
		found = append(found, Problem{key + ".wait", "must be longer than 0 and at most 1s, as in 5ms"})
	}
	return found
}

// validate needs the names of the pools.
func (c CacheConfig) validate(pools []string) []Problem {
	var found []Problem
	if c.Size > 0 && (c.Keep <= 0 || c.Keep > MaxCacheKeep) {
		found = append(found, Problem{"cache.keep", "must be longer than 0 and at most 168h, as in 1h; size: 0 keeps no answers"})
	}
	if c.Stale < 0 || c.Stale > MaxCacheKeep {
		found = append(found, Problem{"cache.stale", "must be 0s to 168h, as in 1h"})
	}
	for i, name := range c.Skills {
		key := fmt.Sprintf("cache.skills[%d]", i)
		if name == "" {
			found = append(found, Problem{key, "must name a skill"})
		}
		if slices.Contains(c.Skills[:i], name) {
			found = append(found, Problem{key, "is named before already"})
		}
	}
	return append(found, c.validateSemantic(pools)...)
}

func (c CacheConfig) validateSemantic(pools []string) []Problem {
	var found []Problem
	s := c.Semantic
	for _, name := range slices.Sorted(maps.Keys(s.Skills)) {
		if x := s.Skills[name].Similarity; x != 0 && (x < MinSimilarity || x > 1) {
			found = append(found, Problem{"cache.semantic.skills." + name + ".similarity", fmt.Sprintf("must be %g to 1", MinSimilarity)})
		}
	}
	switch {
	case s.Pool == "" && len(s.Skills) == 0:
		return found
	case s.Pool == "":
		found = append(found, Problem{"cache.semantic.pool", "is required: the pool that makes vectors"})
	case !slices.Contains(pools, s.Pool):
		found = append(found, Problem{"cache.semantic.pool", "must name one of the pools in models.pools"})
	case len(s.Skills) == 0:
		found = append(found, Problem{"cache.semantic.skills", "names no skill that wants it"})
	}
	if c.Size == 0 {
		found = append(found, Problem{"cache.semantic", "needs cache.size: with 0 no answers are kept"})
	}
	return found
}
