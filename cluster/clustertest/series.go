package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// SeriesWorld is a new cluster that keeps nothing.
type SeriesWorld struct {
	// A and B are two nodes.
	A, B cluster.Series
	// Elapse lets that much time pass.
	Elapse func(time.Duration)
}

// Series proves an implementation of cluster.Series; in makes a world for a test.
func Series(t *testing.T, in func(t *testing.T, test func(*testing.T, SeriesWorld))) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, SeriesWorld){
		"what one appends all read, in order":        seriesShared,
		"only what came since is read":               seriesSince,
		"series know nothing of each other":          seriesApart,
		"an entry goes when its time is over":        seriesEnds,
		"a series that was gone begins anew":         seriesAnew,
		"the oldest leave: there are many":           seriesMany,
		"the oldest leave: there is much":            seriesMuch,
		"any bytes, up to the limit":                 seriesBytes,
		"what is none is refused":                    seriesRefused,
		"nobody misses what others append meanwhile": seriesAtOnce,
	} {
		t.Run(name, func(t *testing.T) { in(t, test) })
	}
}

func (w SeriesWorld) append(t *testing.T, s cluster.Series, name, value string, ttl time.Duration) (before, at string) {
	t.Helper()
	before, at, err := s.Append(t.Context(), name, []byte(value), ttl)
	if err != nil || at == "" || at == before {
		t.Fatalf("%q behind %q, %v", at, before, err)
	}
	return before, at
}

// read gives what is behind a cursor, and the next one.
func (w SeriesWorld) read(t *testing.T, s cluster.Series, name, after string) (values []string, last string) {
	t.Helper()
	last = after
	err := s.Since(t.Context(), name, after, func(at string, value []byte, left time.Duration) {
		if at == last || at == "" || left <= 0 || left > cluster.MaxSeriesLife {
			t.Errorf("%q behind %q, for %v", at, last, left)
		}
		values, last = append(values, string(value)), at
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, last
}

func (w SeriesWorld) wants(t *testing.T, s cluster.Series, name, after string, want ...string) (last string) {
	t.Helper()
	got, last := w.read(t, s, name, after)
	if !slices.Equal(got, want) {
		t.Errorf("%q behind %q are %.80q, want %.80q", name, after, got, want)
	}
	return last
}

func seriesShared(t *testing.T, w SeriesWorld) {
	w.wants(t, w.A, "s", "")
	before, one := w.append(t, w.A, "s", "1", time.Hour)
	if before != "" {
		t.Errorf("%q is before the first", before)
	}
	between, two := w.append(t, w.B, "s", "2", time.Minute)
	if between != one {
		t.Errorf("the second is behind %q, not %q", between, one)
	}
	for _, s := range []cluster.Series{w.A, w.B} {
		if last := w.wants(t, s, "s", "", "1", "2"); last != two {
			t.Errorf("the last is %q, not %q", last, two)
		}
	}
}

func seriesSince(t *testing.T, w SeriesWorld) {
	w.append(t, w.A, "s", "1", time.Hour)
	read := w.wants(t, w.B, "s", "", "1")
	w.wants(t, w.B, "s", read)
	for _, value := range []string{"2", "", "2"} {
		w.append(t, w.A, "s", value, time.Hour)
	}
	read = w.wants(t, w.B, "s", read, "2", "", "2")
	before, at := w.append(t, w.B, "s", "own", time.Hour)
	if before != read {
		t.Errorf("behind %q, read up to %q", before, read)
	}
	w.wants(t, w.B, "s", at)
}

func seriesApart(t *testing.T, w SeriesWorld) {
	w.append(t, w.A, "a", "1", time.Hour)
	w.append(t, w.A, "ab", "2", time.Hour)
	w.append(t, w.A, "{a}", "3", time.Hour)
	w.wants(t, w.B, "a", "", "1")
	w.wants(t, w.B, "ab", "", "2")
	w.wants(t, w.B, "{a}", "", "3")
	w.wants(t, w.B, "b", "")
}

func seriesEnds(t *testing.T, w SeriesWorld) {
	w.append(t, w.A, "s", "long", cluster.MaxSeriesLife)
	w.append(t, w.A, "s", "short", time.Minute)
	_, last := w.append(t, w.A, "s", "longer", 2*time.Minute)
	w.Elapse(time.Minute)
	w.wants(t, w.B, "s", "", "long", "longer")
	w.Elapse(time.Minute)
	w.wants(t, w.B, "s", "", "long")
	w.append(t, w.A, "s", "new", time.Minute)
	w.wants(t, w.B, "s", last, "new")
	w.wants(t, w.B, "s", "", "long", "new")
}

func seriesAnew(t *testing.T, w SeriesWorld) {
	w.append(t, w.A, "s", "1", time.Minute)
	_, last := w.append(t, w.A, "s", "2", time.Minute)
	w.Elapse(time.Minute)
	w.wants(t, w.B, "s", last)
	w.append(t, w.A, "s", "3", time.Minute)
	w.wants(t, w.B, "s", last, "3")
	w.wants(t, w.B, "s", "", "3")
}

func seriesMany(t *testing.T, w SeriesWorld) {
	_, first := w.append(t, w.A, "s", "first", time.Hour)
	var want []string
	for i := range cluster.MaxSeries + 3 {
		value := fmt.Sprint(i)
		w.append(t, w.A, "s", value, time.Hour)
		want = append(want, value)
	}
	for _, after := range []string{"", first} {
		w.wants(t, w.B, "s", after, want[3:]...)
	}
}

func seriesMuch(t *testing.T, w SeriesWorld) {
	const most = cluster.MaxSeriesBytes / cluster.MaxSeriesEntry
	for i := range most + 3 {
		w.append(t, w.A, "s", fmt.Sprintf("%0*d", cluster.MaxSeriesEntry, i), time.Hour)
	}
	got, _ := w.read(t, w.B, "s", "")
	if len(got) != most || got[0][len(got[0])-1] != '3' {
		t.Errorf("%d entries, want %d", len(got), most)
	}
	w.append(t, w.B, "s", "little", time.Hour)
	if got, _ := w.read(t, w.A, "s", ""); len(got) != most || got[most-1] != "little" {
		t.Errorf("%d entries, want %d", len(got), most)
	}
}

func seriesBytes(t *testing.T, w SeriesWorld) {
	large := bytes.Repeat([]byte{0, 255, '\n', '{'}, cluster.MaxSeriesEntry/4)
	name := strings.Repeat("ü", cluster.MaxCachedKey/2)
	w.append(t, w.A, name, string(large), time.Hour)
	w.wants(t, w.B, name, "", string(large))
}

func seriesRefused(t *testing.T, w SeriesWorld) {
	for what, try := range map[string]func() error{
		"too much": func() error {
			_, _, err := w.A.Append(t.Context(), "s", make([]byte, cluster.MaxSeriesEntry+1), time.Hour)
			return err
		},
		"no name":     func() error { _, _, err := w.A.Append(t.Context(), "", nil, time.Hour); return err },
		"no time":     func() error { _, _, err := w.A.Append(t.Context(), "s", nil, 0); return err },
		"all time":    func() error { _, _, err := w.A.Append(t.Context(), "s", nil, cluster.MaxSeriesLife+1); return err },
		"a long name": func() error { return w.A.Since(t.Context(), strings.Repeat("x", cluster.MaxCachedKey+1), "", nil) },
	} {
		if err := try(); fault.ClassOf(err) != fault.Bug {
			t.Errorf("%s: %v", what, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.A.Append(ended, "s", nil, time.Hour); err == nil {
		t.Error("an entry of who left")
	}
	w.wants(t, w.B, "s", "")
}

func seriesAtOnce(t *testing.T, w SeriesWorld) {
	const each = 100
	var all sync.WaitGroup
	nodes := []cluster.Series{w.A, w.B}
	got := make([][]string, len(nodes))
	for i, s := range nodes {
		all.Go(func() {
			for n := range each {
				if _, _, err := s.Append(t.Context(), "s", fmt.Appendf(nil, "%d/%d", i, n), time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			last := ""
			for len(got[i]) < 2*each && t.Context().Err() == nil && !t.Failed() {
				err := s.Since(t.Context(), "s", last, func(at string, value []byte, _ time.Duration) {
					got[i], last = append(got[i], string(value)), at
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	want, _ := w.read(t, w.A, "s", "")
	if len(want) != 2*each || !slices.Equal(got[0], want) || !slices.Equal(got[1], want) {
		t.Errorf("%d entries; one read %d, the other %d, not all in their order", len(want), len(got[0]), len(got[1]))
	}
}
