package telemetry

import "github.com/prometheus/client_golang/prometheus"

// IntentState is what became of messages that were to be weighed against the examples of
// skills, since the start: Made got a vector, Kept had one, Failed went without.
type IntentState struct{ Made, Kept, Failed int64 }

var intentsTotal = prometheus.NewDesc("parley_intents_total",
	"Messages that were weighed against the examples of skills: made got a vector, kept had one, failed went to the default for want of one.",
	[]string{"outcome"}, nil)

// WatchIntents adds counters that are read at each scrape. It is called at most once.
func (r *Recorder) WatchIntents(state func() IntentState) error {
	return r.registry.Register(intentCounters{state})
}

type intentCounters struct{ state func() IntentState }

// Describe implements prometheus.Collector.
func (intentCounters) Describe(ch chan<- *prometheus.Desc) { ch <- intentsTotal }

// Collect implements prometheus.Collector.
func (c intentCounters) Collect(ch chan<- prometheus.Metric) {
	s := c.state()
	for _, one := range []struct {
		n       int64
		outcome string
	}{{s.Made, "made"}, {s.Kept, "kept"}, {s.Failed, "failed"}} {
		ch <- prometheus.MustNewConstMetric(intentsTotal, prometheus.CounterValue, float64(one.n), one.outcome)
	}
}
