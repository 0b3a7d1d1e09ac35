package app

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
)

const (
	// loadsEvery is how often a node says what it has under way. An answer takes seconds,
	// so a picture this old is nearly right; it is well below cluster.LoadHalfAfter.
	loadsEvery = 200 * time.Millisecond
	// loadsTimeout bounds one call, so that what was told fades in time while Redis hangs.
	loadsTimeout = cluster.LoadHalfAfter / 2
)

// busy is a pool as far as others need to know of it.
type busy interface {
	// Loads gives what is under way at each worker, by its name. It is called a few times
	// a second and answers quickly.
	Loads() map[string]int
}

// loads lets the pools of all nodes know of each other's requests.
type loads struct {
	with cluster.Loads
	// pools are those of this node now, by name.
	pools func() map[string]busy
	// host tells the workers of this machine from those of others at the same address.
	host string
	log  zerolog.Logger

	mu sync.Mutex
	// told is what the other nodes have at the workers of a pool. That is read for each
	// worker and request, so each pool has its own way there.
	told map[string]*atomic.Pointer[map[string]int]
}

// newLoads shares what pools have under way; call run.
func newLoads(with cluster.Loads, pools func() map[string]busy, log zerolog.Logger) *loads {
	host, _ := os.Hostname() // machines without names are one machine
	return &loads{with: with, pools: pools, host: host, log: log, told: map[string]*atomic.Pointer[map[string]int]{}}
}

// elsewhere gives a pool what other nodes have under way at a worker of it, 0 for what is
// not known. It neither blocks nor allocates.
func (l *loads) elsewhere(pool string) func(worker string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told[pool]
	if told == nil {
		told = &atomic.Pointer[map[string]int]{}
		told.Store(&map[string]int{})
		l.told[pool] = told
	}
	return func(worker string) int { return (*told.Load())[worker] }
}

// run says and hears what is under way until ctx ends. What was heard fades while nobody
// answers.
func (l *loads) run(ctx context.Context) error {
	tick := time.NewTicker(loadsEvery)
	defer tick.Stop()
	var last map[string]int
	heard, failing := time.Now(), false
	for {
		asked := time.Now()
		limited, cancel := context.WithTimeout(ctx, loadsTimeout)
		elsewhere, err := l.with.ShareLoads(limited, l.own())
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if !failing {
				l.log.Warn().Err(err).Msg("the nodes cannot tell each other how busy the model workers are; each goes by its own requests")
			}
			failing = true
			l.publish(last, cluster.LoadsWeigh(time.Since(heard)))
		default:
			if failing {
				l.log.Info().Msg("the nodes tell each other again how busy the model workers are")
			}
			last, heard, failing = elsewhere, asked, false
			l.publish(last, cluster.LoadsWeigh(0))
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		l.leave(ctx)
		return nil
	}
}

// leave says that nothing is under way here any more; unsaid, the others find it out.
func (l *loads) leave(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadsTimeout)
	defer cancel()
	if _, err := l.with.ShareLoads(limited, nil); err != nil {
		l.log.Debug().Err(err).Msg("leaving with requests under way in the eyes of other nodes")
	}
}

// own is what this node has under way. A worker whose name is too long to be told of is
// balanced by each node alone.
func (l *loads) own() map[string]int {
	all := map[string]int{}
	for pool, p := range l.pools() {
		for worker, n := range p.Loads() {
			if name := pool + "/" + l.global(worker); n > 0 && len(name) <= cluster.MaxLoadName {
				all[name] = n
			}
		}
	}
	if len(all) > cluster.MaxLoads {
		few := slices.Sorted(maps.Keys(all))[cluster.MaxLoads:]
		for _, name := range few {
			delete(all, name)
		}
	}
	return all
}

// publish lays down what others have, at so many halves of it, for who picks workers.
func (l *loads) publish(all map[string]int, halves int) {
	told := map[string]map[string]int{}
	for name, n := range all {
		pool, worker, _ := strings.Cut(name, "/")
		worker, here := l.local(worker)
		if n = (n*halves + 1) / 2; !here || n == 0 {
			continue
		}
		if told[pool] == nil {
			told[pool] = map[string]int{}
		}
		told[pool][worker] = n
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for pool, to := range l.told {
		workers := told[pool]
		to.Store(&workers)
	}
}

// global names a worker for all nodes: each machine has its own worker at 127.0.0.1.
func (l *loads) global(worker string) string {
	if onLoopback(worker) {
		return worker + "@" + l.host
	}
	return worker
}

// local is the other way round, and tells whether this node can have that worker.
func (l *loads) local(name string) (worker string, here bool) {
	worker, host, ok := strings.Cut(name, "@")
	if !ok || !onLoopback(worker) {
		return name, true
	}
	return worker, host == l.host
}

// onLoopback takes a worker's name, which is its host, port and path.
func onLoopback(worker string) bool {
	host, _, _ := strings.Cut(worker, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
