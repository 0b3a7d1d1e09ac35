package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/wire"
)

// clusterConfig is the one configuration of all hubs.
const clusterConfig = `
http: {listen: "ADDRESS", public_url: "%[1]s"}
data_dir: "DIR"
channels: {%[2]s}
redis: {url: "%[3]s", replicas: 1}
postgres: {url: "%[4]s"}
models:
  pools:
    chat: {model: fake, workers: [%[5]s]}
skills: {rate: {count: 0}}
shutdown: 10s
log: {level: warn}
`

// node is one of the hubs that share the work.
type node struct {
	*hubtest.Hub
	t    *testing.T
	name string
	// front is the way from the platforms to it.
	front *wire.Proxy
	// idle is how many goroutines it has when nothing is to be done.
	idle int
	// failed counts starts that ended by themselves, why is what the last of them said.
	failed int
	why    string
}

// world is everything in the cluster test: the hubs, and what they stand between.
type world struct {
	t     *testing.T
	nodes []*node
	// known are the nodes for the proxies, which are there before them.
	known    atomic.Pointer[[]*node]
	balancer *balancer
	redis    redisForm
	records  pgtest.Database
	crowds   []*crowd
	// links are the proxies in front of each kind of server: redis, postgres, platforms, models.
	links map[string][]*wire.Proxy
	rng   *rand.Rand
	// drawn is where the last fault was drawn to be.
	drawn string

	// replayed is how many dead letters an operator put back.
	replayed atomic.Int64

	// underWay are faults that did not end yet.
	underWay sync.WaitGroup
	mu       sync.Mutex
	busy     map[string]bool
	met      map[string]int
}

func newWorld(t *testing.T, o clusterOptions) *world {
	w := &world{
		t: t, links: map[string][]*wire.Proxy{}, busy: map[string]bool{}, met: map[string]int{},
		rng: rand.New(rand.NewPCG(o.seed, o.seed)), balancer: &balancer{},
	}
	balancer := hubtest.Serve(t, w.balancer)
	w.redis = newRedis(t, o.redis, func(port int) int { return w.proxy("redis", fmt.Sprintf("127.0.0.1:%d", port)).Port() })
	var workers []string
	for range 2 {
		address := strings.TrimPrefix(hubtest.Serve(t, modeltest.New(modeltest.Options{Answer: answer})), "http://")
		workers = append(workers, fmt.Sprintf(`{url: "http://%s/v1", slots: 64}`, w.proxy("models", address).Addr()))
	}
	var channels []string
	for i, name := range o.platforms {
		sim := platforms[name](t, o.people, o.messagesEach())
		sim.serve(t, balancer)
		sim.behind(func(api string) string {
			scheme, address, _ := strings.Cut(api, "://")
			return scheme + "://" + w.proxy("platforms", address).Addr()
		})
		channels = append(channels, strings.TrimSuffix(strings.TrimPrefix(sim.channels(), "{"), "}"))
		w.crowds = append(w.crowds, newCrowd(t, name, sim, i*1000, o.people, o.seed))
	}
	w.records = pgtest.New(t)
	records := w.records.At(w.proxy("postgres", w.records.Host).Addr()).Reveal()
	config := fmt.Sprintf(clusterConfig, balancer, strings.Join(channels, ", "), w.redis.url(), records, strings.Join(workers, ", "))
	for i := range o.hubs {
		name := fmt.Sprint("hub", i+1)
		n := &node{Hub: hubtest.New(t, config, "PARLEY_NODE_NAME="+name), t: t, name: name}
		n.front = wire.Start(t, n.Address, nil)
		w.nodes = append(w.nodes, n)
		w.balancer.backends = append(w.balancer.backends, &backend{probe: n.Address, send: n.front.Addr()})
	}
	w.known.Store(&w.nodes)
	for _, c := range w.crowds {
		if p, ok := c.sim.(preparer); ok {
			p.prepare(w.nodes[0].Hub)
		}
	}
	return w
}

// proxy makes a proxy in front of a server of a kind.
func (w *world) proxy(kind, to string) *wire.Proxy {
	p := wire.Start(w.t, to, w.caller)
	w.links[kind] = append(w.links[kind], p)
	return p
}

// caller names the hub that calls from a port.
func (w *world) caller(port int) string {
	known := w.known.Load()
	if known == nil {
		return "" // no hub runs yet
	}
	pids := map[string]int{}
	for _, n := range *known {
		if pid := n.PID(); pid != 0 {
			pids[n.name] = pid
		}
	}
	return wire.Owner(port, pids)
}

// start starts all hubs, and the platforms call them.
func (w *world) start() {
	for _, n := range w.nodes {
		n.Start()
	}
	for _, n := range w.nodes {
		n.WaitReady()
		n.idle = n.goroutines()
	}
	w.balancer.run(w.t)
	w.wait("the balancer finds a hub", func() error {
		for _, b := range w.balancer.backends {
			if b.ready.Load() {
				return nil
			}
		}
		return fmt.Errorf("none is ready")
	})
	for _, c := range w.crowds {
		c.sim.connect(w.t)
	}
}

// up waits until a hub that was started is ready. Whatever runs hubs starts one again
// that ended by itself, as one does that found no Redis.
func (w *world) up(n *node) {
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-n.Ended():
			n.failed++
			if lines := n.Lines(); len(lines) > 0 {
				n.why = lines[len(lines)-1]
			}
			again := time.NewTimer(200 * time.Millisecond)
			<-again.C
			n.Start()
		case <-tick.C:
			if status, _, err := n.Get("/readyz"); err == nil && status == http.StatusOK {
				return
			}
		case <-late.C:
			_, body, err := n.Get("/readyz")
			w.t.Errorf("%s is not ready: %s %v", n.name, body, err)
			return
		}
	}
}

// wait tries until what must happen has happened.
func (w *world) wait(what string, try func() error) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Errorf("%s: not in time: %v", what, err)
			return false
		}
	}
}

// stop ends a hub as an operator does.
func (w *world) stop(n *node) {
	n.Signal(syscall.SIGTERM)
	select {
	case <-n.Ended():
		if code := n.WaitEnd(); code != 0 {
			w.t.Errorf("%s: exit code %d", n.name, code)
		}
	case <-time.After(hubtest.Patience):
		w.t.Errorf("%s did not end", n.name)
		n.Kill()
	}
}
