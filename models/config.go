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
	// DefaultSlots is for servers that do not tell: vLLM takes far more, llama.cpp four.
	DefaultSlots = 8
	// DefaultQueueItems and DefaultQueueTokens bound who waits: at 512 waiting on a few
	// GPUs nobody is served in time any more, and 2 M tokens are some minutes of them.
	DefaultQueueItems  = 512
	DefaultQueueTokens = 2_000_000
	// DefaultQueueWait is how long a person looks at "typing" before being told.
	DefaultQueueWait = 30 * time.Second
	// LeastUsage is the shortest time for which lines of usage can be kept: what was used
	// today must be there tomorrow.
	LeastUsage = 48 * time.Hour
	// DefaultAtOnceUser is more than a person has conversations to wait in,
	// DefaultAtOnceAdmin leaves somebody who tries things out alone.
	DefaultAtOnceUser  = 4
	DefaultAtOnceAdmin = 16
)

// OnlyVersion is the name of the version of a pool that has no others.
const OnlyVersion = "main"

// Policy is how a pool chooses among workers that could answer.
type Policy string

// The policies. PolicyAuto weighs cached prompts against load.
const (
	PolicyAuto             Policy = "auto"
	PolicyRoundRobin       Policy = "round_robin"
	PolicyLeastOutstanding Policy = "least_outstanding"
	PolicyPowerOfTwo       Policy = "power_of_two"
	PolicySticky           Policy = "sticky"
)

func policies() []Policy {
	return []Policy{PolicyAuto, PolicyRoundRobin, PolicyLeastOutstanding, PolicyPowerOfTwo, PolicySticky}
}

// Config is the section "models".
type Config struct {
	// Default names the pool for requests that name none. With a single pool it may
	// be left out.
	Default string                `yaml:"default"`
	Pools   map[string]PoolConfig `yaml:"pools"`
	// Skills and Accounts are the pools of skills, and of channels and API keys, where
	// another one than Default; a skill's goes before an account's.
	Skills   map[string]string `yaml:"skills"`
	Accounts map[string]string `yaml:"accounts"`
	// Prices are what tokens cost, Budgets how much may be spent.
	Prices  Prices   `yaml:"prices"`
	Budgets []Budget `yaml:"budgets"`
	// Cache says which answers are given again.
	Cache CacheConfig `yaml:"cache"`
	// Intents says which messages are about what a skill is for.
	Intents IntentsConfig `yaml:"intents"`
	AtOnce  AtOnce        `yaml:"at_once"`
	// KeepUsage is how long lines of the ledger of usage are kept; 0 for ever.
	KeepUsage time.Duration `yaml:"keep_usage"`
	// Prewarm are the peaks that somebody knows of.
	Prewarm []PrewarmConfig `yaml:"prewarm"`
	// TimeZone is where the days and months of budgets begin at midnight, as in
	// Europe/Berlin; UTC if it is left out.
	TimeZone string `yaml:"time_zone"`
}

// PoolConfig is what answers under one name: one or several versions of a model, and
// the workers that serve them.
type PoolConfig struct {
	// Policy is PolicyAuto when it is left out.
	Policy Policy `yaml:"policy"`
	// Versions share the conversations by their weights. A pool with only one may give
	// its Model and Workers instead.
	Versions []VersionConfig `yaml:"versions"`
	// Model is the id the workers know it by.
	Model   string         `yaml:"model"`
	Workers []WorkerConfig `yaml:"workers"`
	// Vision is true when the model sees pictures.
	Vision bool `yaml:"vision"`
	// FirstContent bounds the wait for the first words of an answer.
	FirstContent time.Duration `yaml:"first_content_timeout"`
	// Idle bounds the wait between two pieces of an answer.
	Idle time.Duration `yaml:"idle_timeout"`
	// Total bounds a whole answer, all attempts and the wait in line together.
	Total time.Duration `yaml:"total_timeout"`
	// Hedge asks a second worker when the first one is unusually late and others idle.
	Hedge bool        `yaml:"hedge"`
	Queue QueueConfig `yaml:"queue"`
	// Batch bounds calls for vectors.
	Batch BatchConfig `yaml:"batch"`
	// Shadow has a version answer copies of requests, to see how it does.
	Shadow ShadowConfig `yaml:"shadow"`
	// Roles may choose the pool for a conversation, besides admins.
	Roles []string `yaml:"roles"`
	// KeepWarm is how long a worker may be idle until it is made to read a prompt again, so
	// that its server keeps the model; 0 for never. MinWarm is how many of each version's
	// workers are kept so at least; with KeepWarm and without MinWarm all are.
	KeepWarm time.Duration `yaml:"keep_warm"`
	MinWarm  int           `yaml:"min_warm"`
}

// ShadowConfig copies requests to a version of the pool. The answers are thrown away.
type ShadowConfig struct {
	// Version is which; empty for none.
	Version string `yaml:"version"`
	// Share is how many of a hundred requests are copied.
	Share int `yaml:"share"`
	// Tokens is how many the copies may cost in a day.
	Tokens int64 `yaml:"tokens"`
}

// QueueConfig bounds the line of requests that no worker has room for, for each version.
type QueueConfig struct {
	// Items is how many may wait, Tokens what they may cost together.
	Items  int `yaml:"items"`
	Tokens int `yaml:"tokens"`
	// Wait is how long each may; who would wait longer is told at once.
	Wait time.Duration `yaml:"wait"`
}

// VersionConfig is one model of a pool and the workers that serve it.
type VersionConfig struct {
	Name string `yaml:"name"`
	// Weight is its share of the conversations, beside the weights of the others. 0 gets
	// none, but stays warm; where no version has any, all get the same.
	Weight int `yaml:"weight"`
	// Model is the id the workers know it by.
	Model   string         `yaml:"model"`
	Workers []WorkerConfig `yaml:"workers"`
	// Discover finds further workers while the hub runs.
	Discover DiscoverConfig `yaml:"discover"`
}

// WorkerConfig is one server that speaks the OpenAI chat protocol.
type WorkerConfig struct {
	// URL is the address below which /chat/completions and /models lie, as in
	// http://127.0.0.1:8080/v1. One without any path means /v1.
	URL string `yaml:"url"`
	// Kind is the server's program; empty for any.
	Kind Kind `yaml:"kind"`
	// Slots is how many answers it works on at a time; 0 means what the server says; when
	// it does not, DefaultSlots until its first contents teach more.
	Slots  int           `yaml:"slots"`
	APIKey secret.String `yaml:"api_key"`
	// Overrides are what the server says wrongly about itself.
	Overrides Overrides `yaml:"capabilities"`
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
	c.Intents.Threshold = cmp.Or(c.Intents.Threshold, DefaultIntentThreshold)
	c.AtOnce = AtOnce{cmp.Or(c.AtOnce.User, DefaultAtOnceUser), cmp.Or(c.AtOnce.Admin, DefaultAtOnceAdmin)}
	pools := make(map[string]PoolConfig, len(c.Pools))
	for name, pool := range c.Pools {
		pools[name] = pool.withDefaults()
	}
	c.Pools = pools
	return c
}

func (p PoolConfig) withDefaults() PoolConfig {
	p.Policy = cmp.Or(p.Policy, PolicyAuto)
	p.FirstContent = cmp.Or(p.FirstContent, DefaultFirstContent)
	p.Idle = cmp.Or(p.Idle, DefaultIdle)
	p.Total = cmp.Or(p.Total, DefaultTotal)
	p.Queue.Items = cmp.Or(p.Queue.Items, DefaultQueueItems)
	p.Queue.Tokens = cmp.Or(p.Queue.Tokens, DefaultQueueTokens)
	p.Queue.Wait = cmp.Or(p.Queue.Wait, DefaultQueueWait)
	p.Batch = p.Batch.WithDefaults()
	p.Versions = slices.Clone(p.Versions)
	weighed := slices.ContainsFunc(p.Versions, func(v VersionConfig) bool { return v.Weight != 0 })
	for i := range p.Versions {
		if !weighed {
			p.Versions[i].Weight = 1
		}
	}
	return p
}

// All lists the versions, whichever way the configuration gives them.
func (p PoolConfig) All() []VersionConfig {
	if len(p.Versions) > 0 {
		return p.Versions
	}
	return []VersionConfig{{Name: OnlyVersion, Weight: 1, Model: p.Model, Workers: p.Workers}}
}

// Validate returns every problem of a configuration with its defaults filled in,
// sorted by key.
func (c Config) Validate() []Problem {
	found := validateBudgets(c.Budgets, c.Prices)
	for i, p := range c.Prewarm {
		found = append(found, p.WithDefaults().Validate(fmt.Sprintf("prewarm[%d]", i), slices.Sorted(maps.Keys(c.Pools)))...)
	}
	found = append(found, c.AtOnce.validate()...)
	if c.KeepUsage != 0 && c.KeepUsage < LeastUsage {
		found = append(found, Problem{"keep_usage", fmt.Sprintf("must be at least %s, or 0s for ever", LeastUsage)})
	}
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
	found = append(found, c.Cache.validate(slices.Sorted(maps.Keys(c.Pools)))...)
	found = append(found, c.Intents.validate(slices.Sorted(maps.Keys(c.Pools)))...)
	found = append(found, c.validateDefaults()...)
	return append(append(found, c.Prices.validate()...), c.zoneProblems()...)
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
