package models

import (
	"cmp"
	"slices"
)

// The defaults of IntentsConfig. How alike two sentences are to a model depends on the model:
// "parley explain" shows what yours says.
const (
	// DefaultIntentThreshold is below what most models give the same wish in other words or in
	// another language, and above what they give two wishes.
	DefaultIntentThreshold = 0.75
	// DefaultIntentMargin tells two skills apart.
	DefaultIntentMargin = 0.05
)

// IntentsConfig says how messages are weighed against the examples of skills.
type IntentsConfig struct {
	// Pool makes the vectors; empty for that of CacheConfig.Semantic, if there is one.
	Pool string `yaml:"pool"`
	// Threshold is how much alike a message and an example must be, 0 for the default, and
	// Margin how much more than the message and the next skill's examples.
	Threshold float64 `yaml:"threshold"`
	Margin    float64 `yaml:"margin"`
}

// DefaultIntents is the IntentsConfig of a file that says nothing about it.
func DefaultIntents() IntentsConfig {
	return IntentsConfig{Threshold: DefaultIntentThreshold, Margin: DefaultIntentMargin}
}

// IntentPool is the pool that weighs messages; empty for none.
func (c Config) IntentPool() string { return cmp.Or(c.Intents.Pool, c.Cache.Semantic.Pool) }

// validate needs the names of the pools.
func (c IntentsConfig) validate(pools []string) []Problem {
	var found []Problem
	if c.Pool != "" && !slices.Contains(pools, c.Pool) {
		found = append(found, Problem{"intents.pool", "must name one of the pools in models.pools"})
	}
	if c.Threshold < 0 || c.Threshold > 1 {
		found = append(found, Problem{"intents.threshold", "must be above 0 and at most 1, or left out"})
	}
	if c.Margin < 0 || c.Margin > 1 {
		found = append(found, Problem{"intents.margin", "must be 0 to 1"})
	}
	return found
}
