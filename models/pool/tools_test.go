package pool_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/pool"
)

// A pool calls tools where each version that answers has a worker that can.
func TestPoolsTellWhetherTheyCallTools(t *testing.T) {
	can, cannot := models.Capabilities{Chat: true, Tools: true}, models.Capabilities{Chat: true}
	for name, c := range map[string]struct {
		blue, green []models.Capabilities
		weight      int
		want        bool
	}{
		"one can":               {[]models.Capabilities{cannot, can}, nil, 1, true},
		"none can":              {[]models.Capabilities{cannot}, nil, 1, false},
		"nobody knows":          {[]models.Capabilities{{}}, nil, 1, true},
		"another version not":   {[]models.Capabilities{can}, []models.Capabilities{cannot}, 1, false},
		"a version of weight 0": {[]models.Capabilities{can}, []models.Capabilities{cannot}, 0, true},
		"no workers":            {nil, nil, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := pool.Options{Name: "main"}
				add := func(version string, weight int, all []models.Capabilities) {
					v := pool.Version{Name: version, Model: "m-" + version, Weight: weight}
					for i, can := range all {
						v.Workers = append(v.Workers, pool.Worker{
							Name: version + string(rune('0'+i)), Client: &scripted{chat: says("a")}, Probe: func(context.Context) error { return nil },
							Tell: func(context.Context) (models.Server, error) { return models.Server{Capabilities: can}, nil },
						})
					}
					o.Versions = append(o.Versions, v)
				}
				add("blue", 1, c.blue)
				if c.green != nil {
					add("green", c.weight, c.green)
				}
				p := pool.New(o)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); _ = p.Run(ctx) }()
				synctest.Wait()
				if got := models.NewRegistry("main", map[string]models.Client{"main": p}).Calls(""); got != c.want {
					t.Errorf("it calls tools: %v", got)
				}
				cancel()
				<-done
			})
		})
	}
	if models.NewRegistry("main", map[string]models.Client{"main": &scripted{}}).Calls("") {
		t.Error("a client that tells nothing calls tools")
	}
}
