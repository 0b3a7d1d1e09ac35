package alone_test

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/clustertest"
)

func TestLoads(t *testing.T) {
	clustertest.Loads(t, func(*testing.T) clustertest.LoadsWorld {
		return clustertest.LoadsWorld{Nodes: []cluster.Loads{alone.New()}, Elapse: func(time.Duration) {}}
	})
}
