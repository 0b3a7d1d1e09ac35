package telemetry

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-hub/parley/core"
)

// DefaultJourneys is how many messages' paths are kept.
const DefaultJourneys = 512

// Options tell what a Recorder is made for. All fields may be empty.
type Options struct {
	// Version names the build.
	Version string
	// Accounts are the configured accounts; what matters to an alert stands at 0
	// for them from the start.
	Accounts []core.Account
	// Journeys is how many messages' paths are kept; 0 means DefaultJourneys.
	Journeys int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Recorder counts events and keeps the paths of the last messages. It is safe
// for concurrent use.
type Recorder struct {
	registry *prometheus.Registry
	metrics  *metrics
	journeys *Journeys
	now      func() time.Time
}

var _ core.Observer = (*Recorder)(nil)

// New makes a Recorder with a registry of its own.
func New(o Options) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Journeys <= 0 {
		o.Journeys = DefaultJourneys
	}
	reg := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "1 for the build that runs.",
	}, []string{"version", "go"})
	build.WithLabelValues(o.Version, runtime.Version()).Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Recorder{
		registry: reg,
		metrics:  newMetrics(reg, o.Accounts),
		journeys: newJourneys(o.Journeys),
		now:      o.Now,
	}
}

// Observe counts the event and adds it to its message's path. An event without a
// time happens now.
func (r *Recorder) Observe(e core.Event) {
	if e.At.IsZero() {
		e.At = r.now()
	}
	r.metrics.observe(e)
	r.journeys.observe(e)
}

// Watch adds gauges that are read from the sources at each scrape. It is called
// at most once: a second set of sources would give the same metrics twice.
func (r *Recorder) Watch(s Sources) error {
	return r.registry.Register(gauges{from: s, now: r.now})
}

// Registerer lets another room add metrics of its own.
func (r *Recorder) Registerer() prometheus.Registerer { return r.registry }

// Journeys gives the paths of the last messages.
func (r *Recorder) Journeys() *Journeys { return r.journeys }

// Handler serves the metrics in the Prometheus and OpenMetrics text formats. What
// can be gathered is served even when a part of it fails.
func (r *Recorder) Handler() http.Handler {
	return promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{
		ErrorHandling:     promhttp.ContinueOnError,
		Registry:          r.registry,
		EnableOpenMetrics: true,
	})
}

// Server counts what happened to an MCP server.
func (r *Recorder) Server(server, event string) { r.metrics.servers.get(progKey{server, event}).Inc() }

// Plugin counts what happened to the program of a skill.
func (r *Recorder) Plugin(plugin, event string) { r.metrics.plugins.get(progKey{plugin, event}).Inc() }
