package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchLimits counts the messages that were over a person's limit, asked for at each scrape.
// It is called at most once.
func (r *Recorder) WatchLimits(refused func() uint64) error {
	return r.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "parley_over_limit_total",
		Help: "Messages of people over their limit (skills.rate), whether they were told or not.",
	}, func() float64 { return float64(refused()) }))
}
