package models_test

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
)

func TestCronNext(t *testing.T) {
	for _, c := range []struct{ cron, after, want string }{
		{"* * * * *", "2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z"},
		{"* * * * *", "2026-11-21T10:00:59Z", "2026-11-21T10:01:00Z"},
		{"0 8 * * mon-fri", "2026-11-20T08:00:00Z", "2026-11-23T08:00:00Z"},
		{"0 8 * * 1-5", "2026-11-20T07:59:59Z", "2026-11-20T08:00:00Z"},
		{"*/20 9-17/4 * * *", "2026-11-20T09:40:00Z", "2026-11-20T13:00:00Z"},
		{"5/20 * * * *", "2026-11-20T09:26:00Z", "2026-11-20T09:45:00Z"},
		{"0 0 1 jan,Jul *", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"},
		{"0 0 * * 7", "2026-11-21T10:00:00Z", "2026-11-22T00:00:00Z"},
		{"0 0 * * sun", "2026-11-21T10:00:00Z", "2026-11-22T00:00:00Z"},
		{"0 0 13 * fri", "2026-11-10T10:00:00Z", "2026-11-13T00:00:00Z"}, // either is enough
		{"0 0 13 * fri", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
		// Summer begins on 29 March 2026, at 2 o'clock, and ends on 25 October, at 3.
		{"30 2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"30 2 * * *", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"30 2 * * *", "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"30 2 * * *", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"0 3 * * *", "2026-10-25T02:59:00+01:00", "2026-10-25T03:00:00+01:00"},
	} {
		cron, err := models.ParseCron(c.cron)
		if err != nil {
			t.Errorf("%s: %v", c.cron, err)
			continue
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		loc := time.UTC
		if c.after[len(c.after)-1] != 'Z' {
			if loc, err = time.LoadLocation("Europe/Berlin"); err != nil {
				t.Fatal(err)
			}
		}
		if got := cron.Next(after.In(loc)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.cron, c.after, got, c.want)
		}
	}
	if next := (models.Cron{}).Next(time.Now()); !next.IsZero() {
		t.Errorf("what was never parsed comes at %v", next)
	}
}

func TestCronRefuses(t *testing.T) {
	for _, text := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8",
		"5-1 * * * *", "*/0 * * * *", "*/x * * * *", "x * * * *", "-1 * * * *", "+1 * * * *", "1- * * * *", ", * * * *", "* * 30 2 *",
		"* * 31 4,6,9,11 *", "@daily", "* * * * monday", "1//2 * * * *", "*/99 * * * *", "99999999999999999999 * * * *",
	} {
		if c, err := models.ParseCron(text); err == nil {
			t.Errorf("%q is %+v", text, c)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	for _, text := range []string{"* * * * *", "0 8 * * mon-fri", "*/5 1,2 3-4/2 jan 7", "0 0 29 2 1"} {
		f.Add(text, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		c, err := models.ParseCron(text)
		if err != nil {
			return
		}
		after := time.Unix(unix%4e9, 0).UTC()
		if next := c.Next(after); !next.After(after) || next.Second() != 0 || !c.Next(next.Add(-time.Second)).Equal(next) {
			t.Errorf("%q after %v: %v", text, after, next)
		}
	})
}

func TestPrewarmActive(t *testing.T) {
	p := models.PrewarmConfig{Cron: "0 8 * * mon-fri", Timezone: "Europe/Berlin", For: 2 * time.Hour, Workers: 4}.WithDefaults()
	for at, want := range map[string]bool{
		"2026-11-20T06:49:59Z": false, "2026-11-20T06:50:00Z": true, "2026-11-20T07:00:00Z": true, "2026-11-20T08:59:59Z": true,
		"2026-11-20T09:00:00Z": false, "2026-11-21T07:30:00Z": false,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if p.Active(now) != want {
			t.Errorf("at %s: %v", at, !want)
		}
	}
	if (models.PrewarmConfig{Cron: "x"}).Active(time.Now()) || (models.PrewarmConfig{Cron: "* * * * *", Timezone: "x", For: time.Hour}).Active(time.Now()) {
		t.Error("an entry that is not valid is active")
	}
}
