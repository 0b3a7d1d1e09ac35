package clustertest

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// LoadsWorld is a new cluster in which nothing is under way.
type LoadsWorld struct {
	// Nodes are three of it; the only one where there are no more.
	Nodes []cluster.Loads
	// Elapse lets that much time pass.
	Elapse func(time.Duration)
}

// Loads proves an implementation of cluster.Loads.
func Loads(t *testing.T, open func(t *testing.T) LoadsWorld) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, LoadsWorld){
		"each sees the others and not itself": loadsOfOthers,
		"the last word counts":                loadsReplaced,
		"a silent node fades":                 loadsFade,
		"one that leaves is gone at once":     loadsLeave,
		"what is no count is refused":         loadsRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (w LoadsWorld) share(t *testing.T, node int, own map[string]int) map[string]int {
	t.Helper()
	got, err := w.Nodes[node].ShareLoads(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (w LoadsWorld) wants(t *testing.T, node int, own, want map[string]int) {
	t.Helper()
	if got := w.share(t, node, own); !maps.Equal(got, want) {
		t.Errorf("node %d is told %v, want %v", node, got, want)
	}
}

// of gives the sum of what all nodes but one have.
func (w LoadsWorld) of(told []map[string]int, but int) map[string]int {
	sum := map[string]int{}
	for i, own := range told[:len(w.Nodes)] {
		for worker, n := range own {
			if i != but && n > 0 {
				sum[worker] += n
			}
		}
	}
	return sum
}

func loadsOfOthers(t *testing.T, w LoadsWorld) {
	told := []map[string]int{
		{"chat/gpu-a:8000": 1, "chat/gpu-b:8000": 7, "idle": 0},
		{"chat/gpu-a:8000": 2, "näme \"with\" {all} \n in it": 3},
		{"embed/gpu-c:8000": 100000},
	}
	for i := range w.Nodes {
		w.share(t, i, told[i])
	}
	for range 2 { // to say the same again changes nothing
		for i := range w.Nodes {
			w.wants(t, i, told[i], w.of(told, i))
		}
	}
}

func loadsReplaced(t *testing.T, w LoadsWorld) {
	told := []map[string]int{{"a": 5, "b": 1}, {"a": 1}, {"a": 2}}
	for i := range w.Nodes {
		w.share(t, i, told[i])
	}
	told[0] = map[string]int{"b": 2, "c": 1}
	w.share(t, 0, told[0])
	for i := range w.Nodes {
		w.wants(t, i, told[i], w.of(told, i))
	}
}

// loadsFade silences all nodes but the last one.
func loadsFade(t *testing.T, w LoadsWorld) {
	told := []map[string]int{{"a": 5, "b": 1}, {"a": 2, "c": 4}, nil}
	for i := range w.Nodes {
		w.share(t, i, told[i])
	}
	last := len(w.Nodes) - 1
	half := map[string]int{}
	for worker, n := range w.of(told, last) {
		half[worker] = (n + 1) / 2
	}
	w.Elapse(cluster.LoadHalfAfter)
	w.wants(t, last, nil, half)
	w.Elapse(cluster.LoadGoneAfter - cluster.LoadHalfAfter)
	w.wants(t, last, nil, nil)
	w.share(t, 0, told[0]) // it was only stopped for a while
	told[1] = nil
	w.wants(t, last, nil, w.of(told, last))
}

func loadsLeave(t *testing.T, w LoadsWorld) {
	told := []map[string]int{{"a": 5}, {"a": 2}, {"a": 1}}
	for i := range w.Nodes {
		w.share(t, i, told[i])
	}
	for i := range w.Nodes {
		told[i] = nil
		w.share(t, i, nil)
		last := len(w.Nodes) - 1
		w.wants(t, last, told[last], w.of(told, last))
	}
}

func loadsRefused(t *testing.T, w LoadsWorld) {
	for what, own := range map[string]map[string]int{
		"below nothing": {"a": -1}, "nameless": {"": 1}, "long": {strings.Repeat("x", cluster.MaxLoadName+1): 1},
	} {
		if _, err := w.Nodes[0].ShareLoads(t.Context(), own); fault.ClassOf(err) != fault.Bug {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range w.Nodes {
		w.wants(t, i, nil, nil)
	}
}
