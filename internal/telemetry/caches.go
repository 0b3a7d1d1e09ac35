package telemetry

import "github.com/prometheus/client_golang/prometheus"

// CacheState is what one pool of model workers did not have to do, since the start.
type CacheState struct {
	Pool string
	// Process, Redis and Joined are requests that got an answer which was kept in the
	// process, kept by any node, or on its way to somebody else. Similar got that of another
	// question, which Misses counts too: the very same one was not there. Stale, of Process
	// and Redis, were past their time.
	Process, Redis, Joined, Similar, Stale, Misses int64
	// Shadow would have got another question's answer, Rejected had one that is alike and
	// not the same; Failed got no vector.
	Shadow, Rejected, Failed int64
	// Told are questions that Redis took for other nodes, Dropped those that it did not;
	// Learned were read there, Refused were broken or of no use.
	Told, Dropped, Learned, Refused int64
	// Saved are the tokens that were not used again.
	Saved int64
	// Texts were asked for as vectors, in so many Calls.
	Texts, Calls int64
}

var (
	cacheHits = prometheus.NewDesc("parley_cache_hits_total",
		"Requests that got an answer which was there: kept in the process, kept in Redis, on its way to another, or of a similar question.",
		[]string{"pool", "from"}, nil)
	cacheStale = prometheus.NewDesc("parley_cache_stale_total",
		"Requests, of those from process and redis, that got an answer past its time while it was asked for anew.", []string{"pool"}, nil)
	cacheMisses = prometheus.NewDesc("parley_cache_misses_total",
		"Requests whose answer could be kept and was not there.", []string{"pool"}, nil)
	cacheSaved = prometheus.NewDesc("parley_cache_saved_tokens_total",
		"Tokens of prompts and answers that no worker had to work on.", []string{"pool"}, nil)
	cacheSimilar = prometheus.NewDesc("parley_cache_similar_total",
		"Questions that were looked up by meaning without a hit: shadow would have been one, rejected was alike and not the same, failed got no vector.",
		[]string{"pool", "outcome"}, nil)
	cacheVectors = prometheus.NewDesc("parley_cache_vectors_total",
		"Vectors of questions that nodes share: told to the others or dropped, learned from them or refused.", []string{"pool", "outcome"}, nil)
	batchTexts = prometheus.NewDesc("parley_batch_texts_total",
		"Texts that were asked for as vectors.", []string{"pool"}, nil)
	batchCalls = prometheus.NewDesc("parley_batch_calls_total",
		"Calls that their vectors took.", []string{"pool"}, nil)
)

// WatchCaches adds counters that are read from states at each scrape, from many
// goroutines. It is called at most once. The pools come from the configuration.
func (r *Recorder) WatchCaches(states func() []CacheState) error {
	return r.registry.Register(cacheCounters{states})
}

type cacheCounters struct{ states func() []CacheState }

// Describe implements prometheus.Collector.
func (cacheCounters) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{cacheHits, cacheStale, cacheMisses, cacheSaved, cacheSimilar, cacheVectors, batchTexts, batchCalls} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c cacheCounters) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.states() {
		emit := func(d *prometheus.Desc, n int64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{s.Pool}, labels...)...)
		}
		emit(cacheHits, s.Process, "process")
		emit(cacheHits, s.Redis, "redis")
		emit(cacheHits, s.Joined, "joined")
		emit(cacheHits, s.Similar, "similar")
		emit(cacheStale, s.Stale)
		emit(cacheMisses, s.Misses)
		emit(cacheSaved, s.Saved)
		emit(cacheSimilar, s.Shadow, "shadow")
		emit(cacheSimilar, s.Rejected, "rejected")
		emit(cacheSimilar, s.Failed, "failed")
		emit(cacheVectors, s.Told, "told")
		emit(cacheVectors, s.Dropped, "dropped")
		emit(cacheVectors, s.Learned, "learned")
		emit(cacheVectors, s.Refused, "refused")
		emit(batchTexts, s.Texts)
		emit(batchCalls, s.Calls)
	}
}
