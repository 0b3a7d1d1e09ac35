package fleet

import (
	"context"
	"sync"

	"github.com/parley-hub/parley/models"
)

// Workers gives the workers of a version: those that are listed, then those that were
// found and are not listed too. The draining are left out, which ends them gently.
func Workers(listed []models.WorkerConfig, d models.DiscoverConfig, found []Address) []models.WorkerConfig {
	all := make([]models.WorkerConfig, 0, len(listed)+len(found))
	known := make(map[string]bool, len(listed)+len(found))
	add := func(w models.WorkerConfig) {
		if !known[w.Name()] {
			known[w.Name()] = true
			all = append(all, w)
		}
	}
	for _, w := range listed {
		add(w)
	}
	for _, a := range found {
		if !a.Draining {
			add(d.WorkerAt(a.HostPort))
		}
	}
	return all
}

// Follow watches sources by name until ctx ends, and returns when all have ended. tell is
// called with what each tells (see Source), for one at a time.
func Follow(ctx context.Context, sources map[string]Source, tell func(name string, set []Address, err error)) {
	var watching sync.WaitGroup
	var mu sync.Mutex
	for name, s := range sources {
		watching.Go(func() {
			for set, err := range s.Watch(ctx) {
				mu.Lock()
				tell(name, set, err)
				mu.Unlock()
			}
		})
	}
	watching.Wait()
}
