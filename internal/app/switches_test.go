package app

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/records"
)

func twoVersions(blue, green int) models.PoolConfig {
	at := []models.WorkerConfig{{URL: "http://h"}}
	return models.PoolConfig{Versions: []models.VersionConfig{
		{Name: "blue", Weight: blue, Model: "m", Workers: at}, {Name: "green", Weight: green, Model: "n", Workers: at},
	}}
}

func TestSwitchesHoldUntilTheConfigurationSaysOtherwise(t *testing.T) {
	short := models.PoolConfig{Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}}
	file := models.Config{Pools: map[string]models.PoolConfig{"chat": twoVersions(95, 5), "short": short}}
	sw := func(pool, weights string, p models.PoolConfig) records.Switch {
		return records.Switch{Pool: pool, Weights: weights, Configured: configuredWeights(p)}
	}
	moved := twoVersions(95, 5)
	moved.Versions[0].Workers = []models.WorkerConfig{{URL: "http://elsewhere"}}
	for name, c := range map[string]struct {
		sw   records.Switch
		want string
		over bool
	}{
		"chosen":                  {sw("chat", "blue=0 green=1", twoVersions(95, 5)), "blue=0 green=1", false},
		"workers do not count":    {sw("chat", "blue=1 green=2", moved), "blue=1 green=2", false},
		"other weights since":     {sw("chat", "blue=0 green=1", twoVersions(100, 5)), "blue=95 green=5", true},
		"no such pool any more":   {sw("gone", "main=1", short), "blue=95 green=5", true},
		"no such version":         {sw("chat", "red=1", twoVersions(95, 5)), "blue=95 green=5", true},
		"a pool with one version": {sw("short", "main=7", short), "blue=95 green=5", false},
	} {
		laid, over := lay(file, []records.Switch{c.sw})
		weights := map[string]int{}
		for _, v := range laid.Pools["chat"].All() {
			weights[v.Name] = v.Weight
		}
		if got := writeWeights(laid.Pools["chat"], weights); got != c.want || (len(over) > 0) != c.over {
			t.Errorf("%s: %s, over %v", name, got, over)
		}
	}
	if v := file.Pools["chat"].Versions; v[0].Weight != 95 || v[1].Weight != 5 {
		t.Errorf("the file's own weights were changed: %+v", v)
	}
}

func TestParseWeights(t *testing.T) {
	for words, want := range map[string]string{
		"green": "blue=0 green=1", "green=3": "blue=0 green=3", "blue=1 green=9": "blue=1 green=9", "blue=0 green=1": "blue=0 green=1",
		"": "", "red": "", "blue=-1": "", "blue=1.5": "", "blue=0": "", "blue=1 blue=2": "", "blue green": "", "blue=1 green": "", "blue=9999999": "",
	} {
		weights, err := parseWeights(twoVersions(1, 1), strings.Fields(words))
		got := ""
		if err == nil {
			got = writeWeights(twoVersions(1, 1), weights)
		}
		if got != want || err != nil && err.Error() == "" {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
}
