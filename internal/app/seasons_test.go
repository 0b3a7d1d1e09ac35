package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/records"
)

// lived runs seasons over pools for a while.
func lived(t *testing.T, dir string, log zerolog.Logger, pools map[string]*fleet.Signals, busy time.Duration) {
	t.Helper()
	s := newSeasons(dir, func() map[string]*fleet.Signals { return pools }, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	for range busy / time.Minute {
		time.Sleep(time.Minute)
		for _, p := range pools {
			p.Arrived()
		}
	}
	synctest.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func weeks(s fleet.Season) (n int) {
	for _, w := range s.Weeks {
		n += w
	}
	return n
}

func TestSeasonsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, other := fleet.NewSignals(fleet.SignalsOptions{}), fleet.NewSignals(fleet.SignalsOptions{})
		lived(t, dir, zerolog.Nop(), map[string]*fleet.Signals{"chat": first, "gone": other}, 5*time.Hour)
		if weeks(first.Season()) < 3 {
			t.Fatalf("nothing was learned: %d hours", weeks(first.Season()))
		}
		second := fleet.NewSignals(fleet.SignalsOptions{})
		lived(t, dir, zerolog.Nop(), map[string]*fleet.Signals{"chat": second}, 0)
		if second.Season() != first.Season() {
			t.Error("what was learned did not outlive a restart")
		}
		// A pool that comes back later finds its own too.
		third := fleet.NewSignals(fleet.SignalsOptions{})
		lived(t, dir, zerolog.Nop(), map[string]*fleet.Signals{"gone": third}, 0)
		if third.Season() != other.Season() {
			t.Error("a pool that was away lost what it knew")
		}
	})
}

func TestSeasonsThatCannotBeRead(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON": "{", "no season": `{"chat": {"per_minute": [-1]}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, seasonsFile), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			p := fleet.NewSignals(fleet.SignalsOptions{})
			lived(t, dir, zerolog.New(&log), map[string]*fleet.Signals{"chat": p}, 0)
			if !strings.Contains(log.String(), "learned anew") || weeks(p.Season()) > 0 {
				t.Errorf("%s: %q", name, &log)
			}
		})
	}
}

func TestOldUsageIsDropped(t *testing.T) {
	r := openRecords(t, t.TempDir())
	now := time.Now()
	for i, age := range []time.Duration{time.Hour, 47 * time.Hour, 49 * time.Hour, 900 * time.Hour} {
		u := records.Used{
			Request: string(rune('a' + i)), Attempt: 1, Outcome: records.UsageServed, At: now.Add(-age), Account: "bot", Person: "ann",
			Pool: "chat", Model: "small", Worker: "w", Prompt: 1,
		}
		if err := r.WriteUsage(t.Context(), []records.Used{u}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := dropBefore(t.Context(), r, now.Add(-48*time.Hour)); n != 2 || err != nil {
		t.Errorf("%d were dropped, %v", n, err)
	}
}
