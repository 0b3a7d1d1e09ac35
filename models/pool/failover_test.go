package pool_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// fleet is a pool over fake servers.
func fleet(t *testing.T, n int, o modeltest.Options) (*pool.Pool, []*modeltest.Worker) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	var workers []pool.Worker
	var servers []*modeltest.Worker
	for i := range n {
		s := modeltest.Start(t, o)
		c, err := openaichat.New(openaichat.Options{Base: s.Base(), HTTP: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
		workers = append(workers, pool.Worker{Name: fmt.Sprintf("w%d", i), Client: c, Probe: c.Probe})
	}
	return pool.New(pool.Options{Name: "main", Model: "fake", Workers: workers}), servers
}

func askMany(t *testing.T, p *pool.Pool, n int, hidden bool) (failed int) {
	t.Helper()
	var mu sync.Mutex
	var askers sync.WaitGroup
	for i := range 8 {
		askers.Go(func() {
			for j := range n / 8 {
				req := modeltest.Ask(fmt.Sprintf("question %d of asker %d", j, i))
				if hidden {
					req.Shown = func() bool { return false }
				}
				res := modeltest.Collect(t, t.Context(), p, req)
				switch {
				case res.Err != nil:
					mu.Lock()
					failed++
					mu.Unlock()
					if !strings.HasPrefix("[1] "+req.Messages[0].Text, res.Text) || fault.ClassOf(res.Err) != fault.Retryable {
						t.Errorf("%q, %v", res.Text, res.Err)
					}
				case res.Text != "[1] "+req.Messages[0].Text:
					t.Errorf("%q was reported complete", res.Text)
				}
			}
		})
	}
	askers.Wait()
	for _, w := range p.Workers() {
		if w.InFlight != 0 {
			t.Errorf("%s has %d in flight", w.Name, w.InFlight)
		}
	}
	return failed
}

func TestDeadWorkersFailNobody(t *testing.T) {
	p, servers := fleet(t, 3, modeltest.Options{})
	servers[1].Refuse()
	servers[2].SetFaults(modeltest.Fault{Kind: modeltest.Reset})
	if failed := askMany(t, p, 400, false); failed != 0 {
		t.Errorf("%d of 400 failed", failed)
	}
	// Each may fail three times, and a little more for what was on its way.
	if n := servers[2].Counts().Started; n > 100 {
		t.Errorf("the worker that resets everything got %d of 400", n)
	}
}

func TestCutsAreRecoveredBeforeTheyShow(t *testing.T) {
	p, _ := fleet(t, 4, modeltest.Options{Faults: []modeltest.Fault{{Kind: modeltest.Cut, After: 3, Probability: 0.05}}})
	// 20 would fail that did not begin again. Begun again twice hardly any does, but
	// workers that cut rest for a while, and then there are fewer to begin again with.
	if failed := askMany(t, p, 400, true); failed > 4 {
		t.Errorf("%d of 400 failed although each could begin again twice", failed)
	}
	askMany(t, p, 400, false)
}
