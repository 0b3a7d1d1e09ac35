package models

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	// A container need not have the time zones that a configuration names.
	_ "time/tzdata"
)

const (
	// DefaultPrewarmFor is how long an expected peak lasts.
	DefaultPrewarmFor = time.Hour
	// DefaultPrewarmAhead is how long before it workers are to be there: a GPU's machine
	// starts and loads its model in that time.
	DefaultPrewarmAhead = 10 * time.Minute
	// maxPrewarm bounds both, for overlapping peaks are two entries.
	maxPrewarm = 7 * 24 * time.Hour
	// maxPrewarmWorkers bounds a slip of the keyboard.
	maxPrewarmWorkers = 1000
)

// PrewarmConfig is one expected peak: so many workers are to be warm before it and for as
// long as it lasts.
type PrewarmConfig struct {
	// Pool is whose peak it is; "" means the default one's.
	Pool string `yaml:"pool"`
	// Cron says when the peak begins, as in "0 8 * * mon-fri"; see Cron.
	Cron string `yaml:"cron"`
	// Timezone is where it does, as in Europe/Berlin; "" means UTC.
	Timezone string        `yaml:"timezone"`
	For      time.Duration `yaml:"for"`
	Ahead    time.Duration `yaml:"ahead"`
	// Workers is how many are to be warm, at least.
	Workers int `yaml:"workers"`
}

// WithDefaults gives p with what was left out filled in.
func (p PrewarmConfig) WithDefaults() PrewarmConfig {
	p.For = cmp.Or(p.For, DefaultPrewarmFor)
	p.Ahead = cmp.Or(p.Ahead, DefaultPrewarmAhead)
	return p
}

// Validate gives every problem of p with its defaults filled in; key is its path in the
// section, pools are the names there are.
func (p PrewarmConfig) Validate(key string, pools []string) []Problem {
	var found []Problem
	add := func(at, text string) { found = append(found, Problem{key + "." + at, text}) }
	if p.Pool != "" && !slices.Contains(pools, p.Pool) {
		add("pool", "must name one of the pools")
	}
	if _, err := ParseCron(p.Cron); err != nil {
		add("cron", "must be a schedule, as in \"0 8 * * mon-fri\": "+err.Error())
	}
	if _, err := time.LoadLocation(p.Timezone); err != nil || p.Timezone == "Local" {
		add("timezone", "must be the name of a time zone, as in Europe/Berlin")
	}
	if p.For <= 0 || p.For > maxPrewarm {
		add("for", "must be longer than 0 and a week at most, as in 2h")
	}
	if p.Ahead < 0 || p.Ahead > maxPrewarm {
		add("ahead", "must be a week at most, as in 10m")
	}
	if p.Workers < 1 || p.Workers > maxPrewarmWorkers {
		add("workers", fmt.Sprintf("must be 1 to %d", maxPrewarmWorkers))
	}
	return found
}

// Active tells whether its workers are to be warm at now: a peak is on, or begins within
// Ahead. An entry that is not valid never is.
func (p PrewarmConfig) Active(now time.Time) bool {
	c, err := ParseCron(p.Cron)
	if err != nil {
		return false
	}
	loc, err := time.LoadLocation(p.Timezone)
	if err != nil {
		return false
	}
	begins := c.Next(now.Add(-p.For).In(loc))
	return !begins.IsZero() && !begins.After(now.Add(p.Ahead))
}
