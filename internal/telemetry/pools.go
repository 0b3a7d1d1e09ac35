package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolState is how one pool of model workers is, and how many workers it should have.
type PoolState struct {
	Pool string
	// QueueTokens and Waiting are what waits on this node, Wait how long one that comes now
	// is likely to.
	QueueTokens, Waiting int
	Wait                 time.Duration
	// Utilization is the part of the slots in use, by all nodes.
	Utilization float64
	// PerMinute are the requests a minute on this node, Demand the workers that it takes,
	// Advised the whole workers that are advised.
	PerMinute, Demand float64
	Advised           int
	// Minimum is how many workers are to be warm for an expected peak.
	Minimum int
}

var (
	poolTokens = prometheus.NewDesc("parley_pool_queue_tokens",
		"Estimated tokens of the requests that wait for a worker.", []string{"pool"}, nil)
	poolWaiting = prometheus.NewDesc("parley_pool_queue_requests",
		"Requests that wait for a worker.", []string{"pool"}, nil)
	poolWait = prometheus.NewDesc("parley_pool_wait_seconds",
		"How long a request that comes now is likely to wait for a worker; 0 when none waits.", []string{"pool"}, nil)
	poolUtilization = prometheus.NewDesc("parley_pool_utilization",
		"Part of the workers' slots in use, by all nodes; above 1 when more is under way than there are slots.", []string{"pool"}, nil)
	poolArrivals = prometheus.NewDesc("parley_pool_arrivals_per_minute",
		"Requests a minute that came to this node lately.", []string{"pool"}, nil)
	poolDemand = prometheus.NewDesc("parley_pool_demand_workers",
		"Workers that the requests of this node take; to be added up over the nodes.", []string{"pool"}, nil)
	poolAdvised = prometheus.NewDesc("parley_pool_advised_workers",
		"Workers that the pool should have for the requests of this node and expected peaks.", []string{"pool"}, nil)
	poolMinimum = prometheus.NewDesc("parley_pool_minimum_workers",
		"Workers that are to be warm for an expected peak; 0 when none is.", []string{"pool"}, nil)
)

// WatchPools adds gauges that are read from states at each scrape, from many goroutines.
// It is called at most once. The pools come from the configuration, so their number is
// bounded by it.
func (r *Recorder) WatchPools(states func() []PoolState) error {
	return r.registry.Register(poolGauges{states})
}

type poolGauges struct{ states func() []PoolState }

// Describe implements prometheus.Collector.
func (poolGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		poolTokens, poolWaiting, poolWait, poolUtilization, poolArrivals, poolDemand, poolAdvised, poolMinimum,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g poolGauges) Collect(ch chan<- prometheus.Metric) {
	for _, p := range g.states() {
		emit := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, p.Pool)
		}
		emit(poolTokens, float64(p.QueueTokens))
		emit(poolWaiting, float64(p.Waiting))
		emit(poolWait, seconds(p.Wait))
		emit(poolUtilization, p.Utilization)
		emit(poolArrivals, p.PerMinute)
		emit(poolDemand, p.Demand)
		emit(poolAdvised, float64(p.Advised))
		emit(poolMinimum, float64(p.Minimum))
	}
}
