package models

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/secret"
)

// The defaults of a pool's configuration.
const (
	DefaultFirstContent = 60 * time.Second
	DefaultIdle         = 15 * time.Second
	DefaultTotal        = 5 * time.Minute
	DefaultSlots        = 8
)

// Config is the section "models".
type Config struct {
	// Default names the pool for requests that name none. With a single pool it may
	// be left out.
	Default string                `yaml:"default"`
	Pools   map[string]PoolConfig `yaml:"pools"`
	// Prices are what tokens cost, Budgets how much may be spent.
	Prices  Prices   `yaml:"prices"`
	Budgets []Budget `yaml:"budgets"`
	// TimeZone is where the days and months of budgets begin at midnight, as in
	// Europe/Berlin; UTC if it is left out.
	TimeZone string `yaml:"time_zone"`
}

// PoolConfig is one model and the workers that serve it.
type PoolConfig struct {
	// Model is the id the workers know it by.
	Model string `yaml:"model"`
	// Vision is true when the model sees pictures.
	Vision  bool           `yaml:"vision"`
	Workers []WorkerConfig `yaml:"workers"`
	// FirstContent bounds the wait for the first words of an answer.
	FirstContent time.Duration `yaml:"first_content_timeout"`
	// Idle bounds the wait between two pieces of an answer.
	Idle time.Duration `yaml:"idle_timeout"`
	// Total bounds a whole answer, all attempts together.
	Total time.Duration `yaml:"total_timeout"`
}

// WorkerConfig is one server that speaks the OpenAI chat protocol.
type WorkerConfig struct {
	// URL is the address below which /chat/completions and /models lie, as in
	// http://127.0.0.1:8080/v1. One without any path means /v1.
	URL string `yaml:"url"`
	// Slots is how many answers it works on at a time.
	Slots  int           `yaml:"slots"`
	APIKey secret.String `yaml:"api_key"`
}

// Problem is one thing wrong with a configuration.
type Problem struct {
	// Key is the path inside the section, "" for the section itself.
	Key string
	// Text says what is wrong and what would be right.
	Text string
}

// WithDefaults gives the configuration with every value that was left out filled
// in. It changes nothing in c.
func (c Config) WithDefaults() Config {
	if c.Default == "" && len(c.Pools) == 1 {
		for name := range c.Pools {
			c.Default = name
		}
	}
	pools := make(map[string]PoolConfig, len(c.Pools))
	for name, pool := range c.Pools {
		pools[name] = pool.withDefaults()
	}
	c.Pools = pools
	return c
}

func (p PoolConfig) withDefaults() PoolConfig {
	p.FirstContent = cmp.Or(p.FirstContent, DefaultFirstContent)
	p.Idle = cmp.Or(p.Idle, DefaultIdle)
	p.Total = cmp.Or(p.Total, DefaultTotal)
	p.Workers = slices.Clone(p.Workers)
	for i := range p.Workers {
		p.Workers[i].Slots = cmp.Or(p.Workers[i].Slots, DefaultSlots)
	}
	return p
}

// Validate returns every problem of a configuration with its defaults filled in,
// sorted by key.
func (c Config) Validate() []Problem {
	found := validateBudgets(c.Budgets, c.Prices)
	if _, ok := c.Pools[c.Default]; !ok && (c.Default != "" || len(c.Pools) > 0) {
		found = append(found, Problem{"default", fmt.Sprintf("must name one of the pools (%s)", strings.Join(slices.Sorted(maps.Keys(c.Pools)), ", "))})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		key := "pools." + name
		if !validName(name) {
			found = append(found, Problem{key, "a pool's name is 1 to 64 lower case letters, digits, '-', '_' and '.'"})
		}
		found = append(found, c.Pools[name].validate(key)...)
	}
	return append(append(found, c.Prices.validate()...), c.zoneProblems()...)
}

func (p PoolConfig) validate(key string) []Problem {
	var found []Problem
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"first_content_timeout", p.FirstContent}, {"idle_timeout", p.Idle}, {"total_timeout", p.Total}} {
		if d.value <= 0 {
			found = append(found, Problem{key + "." + d.key, "must be longer than 0, as in 30s"})
		}
	}
	if p.Model == "" {
		found = append(found, Problem{key + ".model", "is required: the id the workers list under /models"})
	}
	if len(p.Workers) == 0 {
		found = append(found, Problem{key + ".workers", "needs at least one worker with a url"})
	}
	seen := make(map[string]int, len(p.Workers))
	for i, w := range p.Workers {
		at := fmt.Sprintf("%s.workers[%d]", key, i)
		if w.Slots < 0 {
			found = append(found, Problem{at + ".slots", "must be at least 1"})
		}
		if text := w.urlProblem(); text != "" {
			found = append(found, Problem{at + ".url", text})
			continue
		}
		if first, twice := seen[w.Name()]; twice {
			found = append(found, Problem{at + ".url", fmt.Sprintf("is the same worker as workers[%d]", first)})
			continue
		}
		seen[w.Name()] = i
	}
	return found
}

// urlProblem never quotes the address: it may hold a password.
func (w WorkerConfig) urlProblem() string {
	u, err := url.Parse(w.URL)
	switch {
	case w.URL == "":
		return "is required, as in http://127.0.0.1:8080/v1"
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return "must be an http or https address, as in http://127.0.0.1:8080/v1"
	}
	return ""
}

// Name is what the worker is called in logs and metrics: its address without
// scheme, user, query and the usual /v1. It is unique in a valid pool.
func (w WorkerConfig) Name() string {
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" {
		return "worker"
	}
	return u.Host + strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
}

func validName(name string) bool {
	return len(name) >= 1 && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
