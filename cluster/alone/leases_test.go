package alone_test

import (
	"testing"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/clustertest"
)

func TestLeases(t *testing.T) {
	clustertest.Leases(t, clustertest.LeasesHarness{Open: func(*testing.T) (a, b cluster.Leases) {
		e := alone.New()
		return e, e
	}})
}

func TestMembers(t *testing.T) {
	clustertest.Members(t, func(*testing.T) (a, b cluster.Members) {
		e := alone.New()
		return e, e
	})
}
