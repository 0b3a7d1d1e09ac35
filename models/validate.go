package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func (p PoolConfig) validate(key string) []Problem {
	found := p.validateLimits(key)
	if !slices.Contains(policies(), p.Policy) {
		found = append(found, Problem{key + ".policy", "must be auto, round_robin, least_outstanding, power_of_two or sticky"})
	}
	seen := map[server]string{}
	if len(p.Versions) == 0 {
		return append(found, p.All()[0].validate(key, key, seen)...)
	}
	if p.Model != "" || len(p.Workers) > 0 {
		found = append(found, Problem{key + ".versions", "stands beside model or workers; move those into a version"})
	}
	names := map[string]int{}
	weights := 0
	for i, v := range p.Versions {
		at := fmt.Sprintf("%s.versions[%d]", key, i)
		first, twice := names[v.Name]
		switch {
		case !validName(v.Name):
			found = append(found, Problem{at + ".name", "is required: 1 to 64 lower case letters, digits, '-', '_' and '.'"})
		case twice:
			found = append(found, Problem{at + ".name", fmt.Sprintf("is the name of versions[%d] already", first)})
		default:
			names[v.Name] = i
		}
		if v.Weight < 0 {
			found = append(found, Problem{at + ".weight", "must not be below 0"})
		}
		weights += max(v.Weight, 0)
		found = append(found, v.validate(key, at, seen)...)
	}
	if weights == 0 {
		found = append(found, Problem{key + ".versions", "needs a version whose weight is above 0"})
	}
	return found
}

// validateDefaults looks at the pools of skills and accounts. Whether there are such skills
// and accounts is for others to know.
func (c Config) validateDefaults() []Problem {
	var found []Problem
	for _, d := range []struct {
		key   string
		pools map[string]string
	}{{"accounts", c.Accounts}, {"skills", c.Skills}} {
		for _, name := range slices.Sorted(maps.Keys(d.pools)) {
			if _, ok := c.Pools[d.pools[name]]; !ok {
				found = append(found, Problem{d.key + "." + name, "must name one of the pools"})
			}
		}
	}
	return found
}

func (p PoolConfig) validateShadow(key string) []Problem {
	s := p.Shadow
	if s == (ShadowConfig{}) {
		return nil
	}
	var found []Problem
	if !slices.ContainsFunc(p.All(), func(v VersionConfig) bool { return v.Name == s.Version }) {
		found = append(found, Problem{key + ".version", "must name one of the pool's versions"})
	}
	if s.Share < 1 || s.Share > 100 {
		found = append(found, Problem{key + ".share", "must be 1 to 100, of a hundred requests"})
	}
	if s.Tokens < 1 {
		found = append(found, Problem{key + ".tokens", "must be a number of tokens a day, of 1 or more"})
	}
	return found
}

func (p PoolConfig) validateLimits(key string) []Problem {
	var found []Problem
	for i, role := range p.Roles {
		if role != RoleUser && role != RoleAdmin {
			found = append(found, Problem{fmt.Sprintf("%s.roles[%d]", key, i), "must be user or admin"})
		}
	}
	if p.KeepWarm != 0 && p.KeepWarm < time.Second {
		found = append(found, Problem{key + ".keep_warm", "must be 1s or more, 0s for never"})
	}
	found = append(found, p.validateShadow(key+".shadow")...)
	if p.MinWarm < 0 {
		found = append(found, Problem{key + ".min_warm", "must be a number of workers, 0 for none"})
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"first_content_timeout", p.FirstContent}, {"idle_timeout", p.Idle}, {"total_timeout", p.Total}, {"queue.wait", p.Queue.Wait},
	} {
		if d.value <= 0 {
			found = append(found, Problem{key + "." + d.key, "must be longer than 0, as in 30s"})
		}
	}
	for _, n := range []struct {
		key   string
		value int
	}{{"queue.items", p.Queue.Items}, {"queue.tokens", p.Queue.Tokens}} {
		if n.value < 1 {
			found = append(found, Problem{key + "." + n.key, "must be at least 1"})
		}
	}
	return append(found, p.Batch.validate(key+".batch")...)
}

// server is what two workers of a pool must not both be.
type server struct{ model, name string }

// validate notes in seen where in the pool each worker stands.
func (v VersionConfig) validate(pool, key string, seen map[server]string) []Problem {
	var found []Problem
	if v.Model == "" {
		found = append(found, Problem{key + ".model", "is required: the id the workers list under /models"})
	}
	found = append(found, v.Discover.Validate(key+".discover")...)
	if v.Discover.IsZero() && len(v.Workers) == 0 {
		found = append(found, Problem{key + ".workers", "needs at least one worker with a url"})
	}
	for i, w := range v.Workers {
		at := fmt.Sprintf("%s.workers[%d]", key, i)
		found = append(found, w.validate(at)...)
		if w.urlProblem() != "" {
			continue
		}
		is := server{v.Model, w.Name()}
		if first, twice := seen[is]; twice {
			found = append(found, Problem{at + ".url", "is the same worker as " + first})
			continue
		}
		seen[is] = strings.TrimPrefix(at, pool+".")
	}
	return found
}

func (w WorkerConfig) validate(at string) []Problem {
	var found []Problem
	if w.Slots < 0 {
		found = append(found, Problem{at + ".slots", "must be at least 1, or 0 for what the server says"})
	}
	if w.Overrides.Context < 0 {
		found = append(found, Problem{at + ".capabilities.context", "must be a number of tokens"})
	}
	if text := w.urlProblem(); text != "" {
		found = append(found, Problem{at + ".url", text})
	}
	if w.Kind != "" && !slices.Contains([]Kind{KindVLLM, KindSGLang, KindLlamaCPP, KindOllama, KindOpenAI}, w.Kind) {
		found = append(found, Problem{at + ".kind", "must be vllm, sglang, llamacpp, ollama or openai"})
	}
	return found
}
