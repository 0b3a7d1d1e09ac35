package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
)

// gatherTimeout bounds what one scrape asks the queue.
const gatherTimeout = 3 * time.Second

// Sources are asked for the present state at each scrape. Each may be nil. They
// are called from many goroutines and answer quickly.
type Sources struct {
	// Boxes are the boxes that Queue is asked for.
	Boxes []queue.Box
	// Queue is usually Queue.Stats of the engine.
	Queue func(ctx context.Context, box queue.Box) (queue.Stats, error)
	// Accounts tells how each account is.
	Accounts func() []AccountState
	// Workers tells how each model worker is.
	Workers func() []WorkerState
	// Nodes tells of the nodes of the hub, as this one saw them last.
	Nodes func() []NodeState
}

// NodeState is how one node is.
type NodeState struct {
	Node string
	// Holds is how many leases it has.
	Holds int
	// Lag is how long the oldest message waits, Skew how far the clock of the shared store
	// is ahead of the node's.
	Lag, Skew time.Duration
}

// AccountState is how one account is.
type AccountState struct {
	Account core.Account
	Up      bool
	// State is one of a few stable words ("healthy", "healing", "needs_human").
	State string
}

// WorkerState is how one model worker is.
type WorkerState struct {
	Pool   string
	Worker string
	Up     bool
	// State is one of a few stable words ("ready", "degraded", "open").
	State string
	// InFlight counts the requests it works on.
	InFlight int
}

var (
	boxItems = prometheus.NewDesc("parley_queue_items",
		"Items that wait or are being handled.", []string{"box"}, nil)
	boxMailboxes = prometheus.NewDesc("parley_queue_mailboxes",
		"Mailboxes by state: ready to be taken, leased to a holder, or delayed.", []string{"box", "state"}, nil)
	boxDead = prometheus.NewDesc("parley_queue_dead_letters",
		"Items that were buried and wait for a person.", []string{"box"}, nil)
	boxAge = prometheus.NewDesc("parley_queue_oldest_age_seconds",
		"Age of the oldest waiting item; 0 when none waits.", []string{"box"}, nil)
	boxFailed = prometheus.NewDesc("parley_queue_stats_failed",
		"1 when the queue could not tell the state of this box at this scrape.", []string{"box"}, nil)
	accountUp = prometheus.NewDesc("parley_account_up",
		"1 when the account receives messages.", []string{"account"}, nil)
	accountState = prometheus.NewDesc("parley_account_state",
		"1 for the state the account is in.", []string{"account", "state"}, nil)
	workerUp = prometheus.NewDesc("parley_worker_up",
		"1 when the model worker takes requests.", []string{"pool", "worker"}, nil)
	workerState = prometheus.NewDesc("parley_worker_state",
		"1 for the state the model worker is in.", []string{"pool", "worker", "state"}, nil)
	nodeLeases = prometheus.NewDesc("parley_node_leases",
		"What must be single and this node of the hub has.", []string{"node"}, nil)
	nodeLag = prometheus.NewDesc("parley_node_lag_seconds",
		"How long the oldest message waits, as this node sees it.", []string{"node"}, nil)
	nodeSkew = prometheus.NewDesc("parley_node_clock_skew_seconds",
		"How far the clock of the shared store is ahead of this node's.", []string{"node"}, nil)
	workerInFlight = prometheus.NewDesc("parley_worker_in_flight",
		"Requests the model worker works on.", []string{"pool", "worker"}, nil)
)

// gauges reads the sources when it is collected. The values come from the
// configuration's accounts and workers, so their number is bounded by it.
type gauges struct {
	from Sources
	now  func() time.Time
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		boxItems, boxMailboxes, boxDead, boxAge, boxFailed, accountUp, accountState, workerUp, workerState, workerInFlight,
		nodeLeases, nodeLag, nodeSkew,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	emit := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if g.from.Queue != nil {
		ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
		defer cancel()
		for _, box := range g.from.Boxes {
			stats, err := g.from.Queue(ctx, box)
			emit(boxFailed, truth(err != nil), string(box))
			if err == nil {
				g.box(emit, string(box), stats)
			}
		}
	}
	if g.from.Accounts != nil {
		for _, a := range g.from.Accounts() {
			emit(accountUp, truth(a.Up), string(a.Account))
			emit(accountState, 1, string(a.Account), a.State)
		}
	}
	if g.from.Nodes != nil {
		for _, n := range g.from.Nodes() {
			emit(nodeLeases, float64(n.Holds), n.Node)
			emit(nodeLag, n.Lag.Seconds(), n.Node)
			emit(nodeSkew, n.Skew.Seconds(), n.Node)
		}
	}
	if g.from.Workers != nil {
		for _, w := range g.from.Workers() {
			emit(workerUp, truth(w.Up), w.Pool, w.Worker)
			emit(workerState, 1, w.Pool, w.Worker, w.State)
			emit(workerInFlight, float64(w.InFlight), w.Pool, w.Worker)
		}
	}
}

func (g gauges) box(emit func(*prometheus.Desc, float64, ...string), box string, s queue.Stats) {
	emit(boxItems, float64(s.Items), box)
	emit(boxMailboxes, float64(s.Ready), box, "ready")
	emit(boxMailboxes, float64(s.Leased), box, "leased")
	emit(boxMailboxes, float64(s.Delayed), box, "delayed")
	emit(boxDead, float64(s.Dead), box)
	age := 0.0
	if !s.Oldest.IsZero() {
		age = max(0, g.now().Sub(s.Oldest).Seconds())
	}
	emit(boxAge, age, box)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
