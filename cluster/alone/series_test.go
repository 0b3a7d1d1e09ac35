package alone_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/cluster/clustertest"
)

func TestSeries(t *testing.T) {
	clustertest.Series(t, func(t *testing.T, test func(*testing.T, clustertest.SeriesWorld)) {
		synctest.Test(t, func(t *testing.T) {
			e := alone.New()
			test(t, clustertest.SeriesWorld{A: e, B: e, Elapse: time.Sleep})
		})
	})
}
