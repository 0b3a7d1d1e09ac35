package models

import "time"

// Location is where the days and months of budgets begin at midnight. A time zone that
// is not known, which Validate reports, is UTC.
func (c Config) Location() *time.Location {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func (c Config) zoneProblems() []Problem {
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		return []Problem{{"time_zone", "must be a time zone's name as in Europe/Berlin, or be left out for UTC"}}
	}
	return nil
}
