package models

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Cron is a schedule in the five fields of crontab(5): minute, hour, day of the month,
// month, day of the week. A field is "*", a number, a range "1-5", a list "1,3" or one of
// them with a step "*/15". Months and days have their English names in three letters too;
// Sunday is 0 and 7. If both days are given, either one is enough, as in crontab.
//
// A time that the clock skips when summer begins is taken as the moment it skips; one that
// comes twice when summer ends is taken the first time. The zero value never comes.
type Cron struct {
	minutes, hours, days, months, weekdays uint64
	// anyDay and anyWeekday tell which of the two leaves the choice to the other.
	anyDay, anyWeekday bool
}

// cronYears is how far a time is looked for: 29 February may be eight years away, on a given
// day of the week forty.
const cronYears = 41

var (
	cronMonths = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	cronDays   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// ParseCron reads five fields. A schedule that never comes, as on 30 February, is an
// error.
func ParseCron(text string) (Cron, error) {
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return Cron{}, errors.New("needs five fields: minute, hour, day of the month, month, day of the week")
	}
	var c Cron
	for i, f := range []struct {
		name     string
		into     *uint64
		min, max int
		names    []string
		first    int
	}{
		{"minute", &c.minutes, 0, 59, nil, 0}, {"hour", &c.hours, 0, 23, nil, 0}, {"day of the month", &c.days, 1, 31, nil, 0},
		{"month", &c.months, 1, 12, cronMonths, 1}, {"day of the week", &c.weekdays, 0, 7, cronDays, 0},
	} {
		for part := range strings.SplitSeq(strings.ToLower(fields[i]), ",") {
			set, err := cronPart(part, f.min, f.max, func(s string) (int, error) { return cronNumber(s, f.names, f.first) })
			if err != nil {
				return Cron{}, fmt.Errorf("%s %q: %w", f.name, fields[i], err)
			}
			*f.into |= set
		}
	}
	if c.weekdays&(1<<7) != 0 {
		c.weekdays |= 1
	}
	c.anyDay, c.anyWeekday = fields[2] == "*", fields[4] == "*"
	if c.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Cron{}, errors.New("never comes")
	}
	return c, nil
}

func cronNumber(s string, names []string, first int) (int, error) {
	for i, name := range names {
		if s == name {
			return i + first, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || len(s) > 2 || s[0] == '+' || s[0] == '-' {
		return 0, errors.New("is neither a number nor a name")
	}
	return n, nil
}

// cronPart reads one part of a list as a set of bits.
func cronPart(part string, lowest, highest int, number func(string) (int, error)) (uint64, error) {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > highest {
			return 0, errors.New("has a step that is none")
		}
	}
	from, to := lowest, highest
	if span != "*" {
		low, high, ranged := strings.Cut(span, "-")
		var err error
		if from, err = number(low); err != nil {
			return 0, err
		}
		switch {
		case ranged:
			if to, err = number(high); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
	}
	if from < lowest || to > highest || from > to {
		return 0, fmt.Errorf("is not within %d to %d, or its range runs backwards", lowest, highest)
	}
	var set uint64
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, nil
}

// Next gives the first time after t, in t's location; the zero time if there is none.
func (c Cron) Next(t time.Time) time.Time {
	loc := t.Location()
	year, month, day := t.Date()
	for i := range cronYears * 366 {
		// Noon is there on every day, in every zone.
		at := time.Date(year, month, day+i, 12, 0, 0, 0, loc)
		if !c.onDay(at) {
			continue
		}
		for hours := c.hours; hours != 0; hours &= hours - 1 {
			for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
				if next := wallTime(at, bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes)); next.After(t) {
					return next
				}
			}
		}
	}
	return time.Time{}
}

func (c Cron) onDay(t time.Time) bool {
	if c.months&(1<<t.Month()) == 0 {
		return false
	}
	day, weekday := c.days&(1<<t.Day()) != 0, c.weekdays&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// wallTime is when clocks show that time on a day, for the first time; for one they skip,
// when they skip it. time.Date does not say which of two offsets it takes.
func wallTime(day time.Time, hour, minute int) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, day.Location())
	start, end := t.ZoneBounds()
	shown, wanted := t.Hour()*60+t.Minute(), hour*60+minute
	switch {
	case shown > wanted:
		return start
	case shown < wanted:
		return end
	case !start.IsZero():
		_, now := t.Zone()
		_, before := start.Add(-time.Second).Zone()
		if first := t.Add(-time.Duration(before-now) * time.Second); before > now && first.Before(start) {
			return first
		}
	}
	return t
}
