package telemetry

import "github.com/prometheus/client_golang/prometheus"

// UsageState tells what became of entries of the ledger of usage.
type UsageState struct {
	// Waiting are to be written; Written and Dropped count since the start.
	Waiting, Written, Dropped int64
}

var (
	usageWaiting = prometheus.NewDesc("parley_usage_waiting",
		"Entries of the ledger of usage that are to be written.", nil, nil)
	usageWritten = prometheus.NewDesc("parley_usage_written_total",
		"Entries of the ledger of usage that were written.", nil, nil)
	usageDropped = prometheus.NewDesc("parley_usage_dropped_total",
		"Entries that the ledger of usage lacks: there was no room while the records were away, or they were refused.", nil, nil)
)

// WatchUsage adds the state of the ledger of usage, asked for at each scrape. It is called
// at most once.
func (r *Recorder) WatchUsage(from func() UsageState) error {
	return r.registry.Register(usageGauges(from))
}

type usageGauges func() UsageState

// Describe implements prometheus.Collector.
func (g usageGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{usageWaiting, usageWritten, usageDropped} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g usageGauges) Collect(ch chan<- prometheus.Metric) {
	s := g()
	ch <- prometheus.MustNewConstMetric(usageWaiting, prometheus.GaugeValue, float64(s.Waiting))
	ch <- prometheus.MustNewConstMetric(usageWritten, prometheus.CounterValue, float64(s.Written))
	ch <- prometheus.MustNewConstMetric(usageDropped, prometheus.CounterValue, float64(s.Dropped))
}
