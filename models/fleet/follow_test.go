package fleet_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
)

func TestWorkers(t *testing.T) {
	d := models.DiscoverConfig{DNS: "gpu:8000", Worker: models.WorkerConfig{Slots: 32}}
	listed := []models.WorkerConfig{{URL: "http://10.0.0.1:8000", Slots: 4}, {URL: "https://other/v1"}}
	found := []fleet.Address{{HostPort: "10.0.0.1:8000"}, {HostPort: "10.0.0.2:8000"}, {HostPort: "10.0.0.3:8000", Draining: true}}
	var got []string
	for _, w := range fleet.Workers(listed, d, found) {
		got = append(got, fmt.Sprint(w.URL, " ", w.Slots))
	}
	want := []string{"http://10.0.0.1:8000 4", "https://other/v1 0", "http://10.0.0.2:8000/v1 32"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := map[string]int{} // tell is called for one at a time
	fleet.Follow(ctx, map[string]fleet.Source{"blue": fleet.Static("a:1", "b:1"), "green": fleet.Static("c:1"), "red": fleet.Static()},
		func(name string, set []fleet.Address, err error) {
			if got[name] = len(set); len(got) == 3 || err != nil {
				cancel()
			}
		})
	if want := map[string]int{"blue": 2, "green": 1, "red": 0}; !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
