package pool_test

import (
	"testing"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

func TestPoolSuite(t *testing.T) {
	modeltest.Suite(t, modeltest.Harness{New: func(t *testing.T, s modeltest.Setup) models.Client {
		c, err := openaichat.New(openaichat.Options{
			Base: s.Base, Key: secret.New(s.Key), HTTP: s.HTTP, Worker: "inner", FirstContent: s.FirstContent, Idle: s.Idle,
		})
		if err != nil {
			t.Fatal(err)
		}
		return pool.New(pool.Options{
			Name: "main", Model: s.Model, Workers: []pool.Worker{{Name: "w1", Client: c, Probe: c.Probe}},
		})
	}})
}
