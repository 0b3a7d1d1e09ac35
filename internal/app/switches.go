package app

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/records"
)

// configuredWeights is a digest of what a configuration says of the weights of a pool. A
// switch holds until it changes.
func configuredWeights(p models.PoolConfig) string {
	h := sha256.New()
	for _, v := range p.All() {
		_, _ = fmt.Fprintf(h, "%q %q %d\n", v.Name, v.Model, v.Weight) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// parseWeights reads VERSION=WEIGHT words for a pool, or a single VERSION that gets
// everything. Versions that are not named get 0.
func parseWeights(p models.PoolConfig, words []string) (map[string]int, error) {
	weights, total := map[string]int{}, 0
	for _, v := range p.All() {
		weights[v.Name] = 0
	}
	seen := map[string]bool{}
	for _, word := range words {
		name, number, given := strings.Cut(word, "=")
		weight, err := 1, error(nil)
		if given {
			weight, err = strconv.Atoi(number)
		}
		_, known := weights[name]
		switch {
		case !known:
			return nil, fmt.Errorf("there is no version %q; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(weights)), ", "))
		case err != nil || weight < 0 || weight > maxWeight:
			return nil, fmt.Errorf("%q: a weight is a number from 0 to %d", word, maxWeight)
		case seen[name]:
			return nil, fmt.Errorf("%q is named twice", name)
		case !given && len(words) > 1:
			return nil, fmt.Errorf("%q needs a weight beside others, as in %s=50", name, name)
		}
		seen[name], weights[name] = true, weight
		total += weight
	}
	if total == 0 {
		return nil, errors.New("one version needs a weight above 0")
	}
	return weights, nil
}

// maxWeight keeps sums of weights numbers.
const maxWeight = 1_000_000

// writeWeights writes weights as parseWeights reads them, in the order of the versions.
func writeWeights(p models.PoolConfig, weights map[string]int) string {
	var all []string
	for _, v := range p.All() {
		all = append(all, v.Name+"="+strconv.Itoa(weights[v.Name]))
	}
	return strings.Join(all, " ")
}

// lay gives a configuration with the switches that hold laid over it, and those that do not
// any more: the configuration has said something else since.
func lay(c models.Config, switches []records.Switch) (out models.Config, over []records.Switch) {
	c.Pools = maps.Clone(c.Pools)
	for _, sw := range switches {
		p, there := c.Pools[sw.Pool]
		weights, err := parseWeights(p, strings.Fields(sw.Weights))
		if !there || err != nil || configuredWeights(p) != sw.Configured {
			over = append(over, sw)
			continue
		}
		versions := slices.Clone(p.All())
		for i := range versions {
			versions[i].Weight = weights[versions[i].Name]
		}
		if len(p.Versions) > 0 {
			p.Versions = versions
		}
		c.Pools[sw.Pool] = p
	}
	return c, over
}
