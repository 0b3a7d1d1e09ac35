package app

import (
	"slices"
	"testing"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/httpserver"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

// TestReadyForWhat: a node without PostgreSQL answers nobody and takes every call, for the
// mailboxes keep what came; without Redis it takes none.
func TestReadyForWhat(t *testing.T) {
	d := pgtest.New(t)
	redis, postgres := redistest.StartProxy(t, redistest.Start(t).Addr()), redistest.StartProxy(t, d.Host)
	hub := runHub(t, func(c *configs.Config) {
		c.Redis.URL, c.Postgres.URL = secret.New("redis://"+redis.Addr()), d.At(postgres.Addr())
	})
	same := func(when string, got []httpserver.Problem, want ...string) {
		t.Helper()
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %+v, want %q", when, got, want)
		}
	}
	same("all is well", hub.ready(t.Context()))
	postgres.Refuse()
	same("PostgreSQL is away", hub.ready(t.Context()), "records")
	same("PostgreSQL is away, calls", hub.takesCalls(t.Context()))
	redis.Refuse()
	same("Redis is away, calls", hub.takesCalls(t.Context()), "queue")
}
