package fleet

import (
	"errors"
	"math"
	"time"
)

// hoursOfWeek is the size of the table.
const hoursOfWeek = 7 * 24

// newWeek is how much the last week says about an hour, beside all weeks before it: with
// 0.4 a habit that changed is known after three weeks, and one holiday is no habit.
const newWeek = 0.4

// wholeHour is how many minutes of an hour must have been seen for it to count.
const wholeHour = 45

// Season is what each hour of a week is usually like. Its JSON form is for keeping it over
// a restart: without it a hub learns for a week.
type Season struct {
	// PerMinute are the requests a minute, from Sunday at midnight.
	PerMinute [hoursOfWeek]float64 `json:"per_minute"`
	// Weeks tells of how many weeks an hour is known.
	Weeks [hoursOfWeek]int `json:"weeks"`
}

// check refuses what was not written by a Season.
func (s *Season) check() error {
	for h := range hoursOfWeek {
		if n := s.PerMinute[h]; math.IsNaN(n) || math.IsInf(n, 0) || n < 0 || s.Weeks[h] < 0 {
			return errors.New("a season has an hour that cannot be")
		}
	}
	return nil
}

func hourOf(t time.Time) int { return int(t.Weekday())*24 + t.Hour() }

// learn takes in what an hour was like.
func (s *Season) learn(hour int, perMinute float64) {
	if s.Weeks[hour] == 0 {
		s.PerMinute[hour] = perMinute
	} else {
		s.PerMinute[hour] += newWeek * (perMinute - s.PerMinute[hour])
	}
	s.Weeks[hour]++
}

const (
	// levelAtMost and levelAtLeast bound how far a day is above or below what is usual.
	levelAtMost, levelAtLeast = 3, 0.5
	// levelFrom is below how many requests a minute a ratio of two hours says nothing.
	levelFrom = 0.5
)

// expect gives the most requests a minute that are to be expected from now to until,
// where rate is how many come now: what is usual then, as far above or below it as now is
// above or below what is usual now. It is never less than rate, for what comes now is
// surer than what is usual.
func (s *Season) expect(now, until time.Time, rate float64) float64 {
	level := 1.0
	if h := hourOf(now); s.Weeks[h] > 0 && s.PerMinute[h] >= levelFrom {
		level = min(max(rate/s.PerMinute[h], levelAtLeast), levelAtMost)
	}
	most := rate
	for t := now; ; t = t.Add(time.Hour) {
		if t.After(until) {
			t = until
		}
		if h := hourOf(t); h != hourOf(now) && s.Weeks[h] > 0 {
			most = max(most, level*s.PerMinute[h])
		}
		if !t.Before(until) {
			return most
		}
	}
}
