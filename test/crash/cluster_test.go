package crash

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	duration = flag.Duration("duration", 20*time.Second, "how long the cluster test lets faults happen")
	hubs     = flag.Int("hubs", 3, "how many hubs share the work in the cluster test")
	form     = flag.String("redis", "sentinel", "the Redis of the cluster test: sentinel or cluster")
	only     = flag.String("faults", "", "the faults of the cluster test, by name, with commas between; all when empty")
	on       = flag.String("platforms", "", "the platforms of the cluster test, the same")
	people   = flag.Int("people", 4, "how many people of each platform talk in the cluster test")
)

// shared are the platforms on which hubs share the work.
var shared = []string{"slack events", "slack socket", "whatsapp cloud", "discord interactions", "discord gateway", "telegram"}

// clusterOptions are the flags of the cluster test.
type clusterOptions struct {
	seed      uint64
	hubs      int
	people    int
	redis     string
	platforms []string
	duration  time.Duration
	faults    []fault
	// every is how far apart faults are, in the mean.
	every time.Duration
}

func optionsOfCluster(t *testing.T) clusterOptions {
	t.Helper()
	o := clusterOptions{
		seed: *seed, hubs: *hubs, people: *people, redis: *form, platforms: shared, duration: *duration,
		faults: faults(long), every: 4 * time.Second,
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	if o.duration < time.Minute {
		o.faults, o.every = faults(short), 2*time.Second
		if *only == "" { // it takes Sentinels ten seconds to make a replica of the dead master
			o.faults = slices.DeleteFunc(o.faults, func(f fault) bool { return f.name == "redis-kill" })
		}
	}
	if *on != "" {
		o.platforms = strings.Split(*on, ",")
	}
	for _, name := range o.platforms {
		if platforms[name] == nil {
			t.Fatalf("-platforms: %q is none of %q", name, slices.Sorted(maps.Keys(platforms)))
		}
	}
	if *only != "" {
		names := strings.Split(*only, ",")
		o.faults = slices.DeleteFunc(o.faults, func(f fault) bool { return !slices.Contains(names, f.name) })
	}
	return o
}

// messagesEach is more than anybody says.
func (o clusterOptions) messagesEach() int { return 1000 + int(o.duration/time.Second)*20 }

// TestCluster lets people talk to several hubs on several platforms at once, while hubs,
// Redis, model workers, platforms and the network between them fail. Then it looks at
// what people were told, and at what the hubs left behind.
func TestCluster(t *testing.T) {
	o := optionsOfCluster(t)
	t.Logf("seed %d", o.seed)
	w := newWorld(t, o)
	w.start()
	ctx, cancel := context.WithTimeout(t.Context(), o.duration+3*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var talk, operator sync.WaitGroup
	operating, home := context.WithCancel(ctx)
	defer home()
	operator.Go(func() { w.operate(operating) })
	for _, c := range w.crowds {
		talk.Go(func() { c.talk(ctx, stop) })
	}
	failing, over := context.WithTimeout(ctx, o.duration)
	w.strike(failing, o.faults, o.every)
	over()
	close(stop)
	talk.Wait()
	home()
	operator.Wait()
	w.settle(o.duration >= time.Minute)
	var all verdict
	total := 0
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(out, "platform", "messages", "lost", "doubled", "reordered", "crossed", "wrong context", "other")
	for _, c := range w.crowds {
		v := c.judge()
		row(out, c.name, c.total(), v.lost, v.doubled, v.reordered, v.crossed, v.wrongContext, v.other)
		all, total = all.add(v), total+c.total()
		if v.lost+v.crossed+v.wrongContext+v.other > 0 || v.reordered > w.mayBeLate(c) || v.doubled > w.mayDouble(c) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	row(out, "all", total, all.lost, all.doubled, all.reordered, all.crossed, all.wrongContext, all.other)
	_ = out.Flush() // into memory
	w.leave()
	t.Logf("seed %d, %d hubs, Redis %s, %v\n%s\n%s", o.seed, o.hubs, o.redis, o.duration, &table, w.report())
	if t.Failed() {
		for _, n := range w.nodes {
			t.Logf("log of %s:\n%s", n.name, strings.Join(n.Lines(), "\n"))
		}
	}
}

func row(out *tabwriter.Writer, cells ...any) {
	for _, cell := range cells {
		_, _ = fmt.Fprint(out, cell, "\t") // into memory
	}
	_, _ = fmt.Fprintln(out)
}

// operate does what the runbook tells operators to do who find a reply of which twice
// nobody knew whether it was sent: it puts it back. That happens on platforms that let
// nobody look, when the network fails twice.
func (w *world) operate(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !slices.ContainsFunc(w.nodes, func(n *node) bool { return n.Metric("parley_queue_dead_letters") > 0 }) {
			continue
		}
		list, err := w.nodes[0].Run(ctx, "replay")
		if err != nil {
			continue // Redis is away; the letters stay
		}
		for line := range strings.Lines(list) {
			if id, rest, _ := strings.Cut(line, " "); strings.Contains(rest, "outcome unknown twice") {
				if _, err := w.nodes[0].Run(ctx, "replay", id); err == nil {
					w.replayed.Add(1)
				}
			}
		}
	}
}

// mayBeLate is how many answers may come behind later ones on a crowd's platform: as many
// as an operator put back, and as hubs said that they lost the place of.
func (w *world) mayBeLate(c *crowd) int {
	n := 0
	if !c.sim.exact() {
		n = int(w.replayed.Load())
	}
	if sim, ok := c.sim.(placing); ok {
		for _, hub := range w.nodes {
			n += hub.Count(sim.unplaced())
		}
	}
	return n
}

// mayDouble is how many answers may come twice on a crowd's platform: as many as hubs said
// that they repeat without knowing.
func (w *world) mayDouble(c *crowd) int {
	if c.sim.exact() {
		return 0
	}
	n := 0
	for _, hub := range w.nodes {
		n += hub.Count(unsure)
	}
	return n + int(w.replayed.Load())
}

// report says what happened.
func (w *world) report() string {
	var out strings.Builder
	out.WriteString("faults:")
	for _, name := range slices.Sorted(maps.Keys(w.met)) {
		fmt.Fprintf(&out, " %s %d", name, w.met[name])
	}
	fmt.Fprintf(&out, "\nno hub took %d calls of platforms, which made them again; no hub took any for %v at most",
		w.balancer.refused.Load(), w.balancer.gap.longest().Round(time.Millisecond))
	fmt.Fprintf(&out, "\nan operator put %d replies back of which twice nobody knew whether they were sent", w.replayed.Load())
	for _, c := range w.crowds {
		if c.late > 0 {
			fmt.Fprintf(&out, "\n%s told %d messages behind later ones, which a hub had not been able to read at first", c.name, c.late)
		}
	}
	for _, n := range w.nodes {
		fmt.Fprintf(&out, "\n%s: %d goroutines at rest, %d starts failed, %d messages of unknown outcome repeated", n.name, n.idle, n.failed, n.Count(unsure))
		if n.why != "" {
			fmt.Fprintf(&out, "; the last start that failed: %s", n.why)
		}
	}
	return out.String()
}
