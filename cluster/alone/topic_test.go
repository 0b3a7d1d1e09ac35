package alone_test

import (
	"testing"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/clustertest"
)

func TestTopic(t *testing.T) {
	clustertest.Topic(t, func(*testing.T) (a, b cluster.Topic) {
		e := alone.New()
		return e, e
	})
}
