package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-hub/parley/core/fault"
)

// WorkerFault is an attempt of a model worker that failed. Whoever asked may have been
// answered all the same, by another worker.
type WorkerFault struct {
	Pool, Worker string
	Class        fault.Class
	// Blame is who made it fail: worker, request or nobody.
	Blame string
}

// WorkerFailed counts an attempt of a model worker that failed.
func (r *Recorder) WorkerFailed(f WorkerFault) { r.metrics.failed.get(f).Inc() }

// FirstContent takes note of how long a worker took for the first content of an answer.
func (r *Recorder) FirstContent(pool, worker string, took time.Duration) {
	r.metrics.first.get(poolWorker{pool, worker}).Observe(seconds(took))
}

type poolWorker struct{ pool, worker string }

func firstContents(histogram func(name, help string, labels ...string) *prometheus.HistogramVec) *family[poolWorker, prometheus.Observer] {
	first := histogram("parley_worker_first_content_seconds",
		"How long a model worker took for the first content of an answer, from being asked.", "pool", "worker")
	pool, worker := newLabel(maxModels), newLabel(maxWorkers)
	return newFamily(maxFamily, func(k poolWorker) prometheus.Observer {
		return first.WithLabelValues(pool.value(k.pool), worker.value(k.worker))
	})
}

func workerFaults(counter func(name, help string, labels ...string) *prometheus.CounterVec) *family[WorkerFault, prometheus.Counter] {
	failed := counter("parley_worker_faults_total",
		"Attempts of model workers that failed, by the class of the failure and who is to blame: worker, request or nobody.",
		"pool", "worker", "class", "blame")
	pool, worker := newLabel(maxModels), newLabel(maxWorkers)
	return newFamily(maxFamily, func(k WorkerFault) prometheus.Counter {
		return failed.WithLabelValues(pool.value(k.Pool), worker.value(k.Worker), k.Class.String(), k.Blame)
	})
}
