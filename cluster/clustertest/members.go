package clustertest

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
)

// Members holds an engine to cluster.Members. open gives two nodes of a new cluster; the
// same twice where it has only one.
func Members(t *testing.T, open func(t *testing.T) (a, b cluster.Members)) {
	t.Helper()
	t.Run("come and go", func(t *testing.T) {
		a, b := open(t)
		about := cluster.Member{
			Version: "1", Address: "127.0.0.1:1", Started: time.Unix(1_700_000_000, 0).UTC(), Format: "f", Config: "c",
			Holds: []string{"x/receiver"}, Lag: time.Second,
		}
		sees(t, a)
		announce(t, a, about)
		announce(t, b, about)
		want := slices.Compact(slices.Sorted(slices.Values([]string{a.Node(), b.Node()})))
		all := sees(t, a, want...)
		sees(t, b, want...)
		for _, m := range all {
			if m.Seen.IsZero() || m.Skew != 0 {
				t.Errorf("seen %v, its clock is off by %v", m.Seen, m.Skew)
			}
			m.ID, m.Seen = "", time.Time{}
			if m.Version != about.Version || m.Address != about.Address || !m.Started.Equal(about.Started) || m.Format != about.Format ||
				m.Config != about.Config || !slices.Equal(m.Holds, about.Holds) || m.Lag != about.Lag {
				t.Errorf("it says %+v, want %+v", m, about)
			}
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		sees(t, b, slices.DeleteFunc(want, func(id string) bool { return id == a.Node() })...)
		if err := a.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func announce(t *testing.T, m cluster.Members, about cluster.Member) {
	t.Helper()
	all, err := m.Announce(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(o cluster.Member) bool { return o.ID == m.Node() }) {
		t.Errorf("%s announced itself and sees %s", m.Node(), namesOf(all))
	}
}

func sees(t *testing.T, m cluster.Members, want ...string) []cluster.Member {
	t.Helper()
	all, err := m.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("%s sees %q, want %q", m.Node(), ids, want)
	}
	return all
}
