package load

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/test/hubtest"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

const nodeConfig = `
http: {listen: "ADDRESS", public_url: "%s"}
data_dir: "DIR"
redis: {url: %q}
postgres: {url: %q}
channels:
  telegram:
    token: "` + token + `"
    api_url: "%s"
    mode: webhook
    limits: {account: {count: 0}, chat: {count: 0}, group: {count: 0}}
    send_overlap: 0s
models:
  pools:
    chat: {model: fake, workers: [{url: "%s/v1", slots: 1024}]}
skills: {rate: {count: 0}}
delivery: {parallel: 64}
log: {level: warn}
`

// BenchmarkNodes is what 1, 2 and 3 nodes on one Redis do, all on the cores of this
// machine, so that more nodes do not make more: msg/s and the delays say what they cost.
// taken is how long a stored message waits for its turn, which is what the hub adds before
// a skill; redis-commands counts scripts with what they call, redis-bytes what went over
// its connections, cpu-us the processor time of all nodes, redis-cpu-us that of Redis; each
// for one message.
func BenchmarkNodes(b *testing.B) {
	for _, n := range []int{1, 2, 3} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			for b.Loop() {
				onNodes(b, n)
			}
		})
	}
}

func onNodes(b *testing.B, n int) {
	b.Helper()
	const messages = 6000
	c := newCrowd(b, 200, 0)
	redis := redistest.Start(b, "--appendfsync", "everysec")
	database := pgtest.New(b)
	front, balance := balancer(b)
	nodes := make([]*hubtest.Hub, n)
	for i := range nodes {
		nodes[i] = hubtest.New(b, fmt.Sprintf(nodeConfig, front, redis.URL(), database.URL().Reveal(), c.api, c.worker))
		nodes[i].Start()
		nodes[i].WaitReady()
	}
	balance(nodes)
	c.run(messages/4, 0) // warm
	before, own := used(b, redis), processor(b, nodes)
	full := c.run(messages, 0)
	after, spent := used(b, redis), processor(b, nodes)-own
	waited := waits(b, nodes)
	stepBack(b)
	half := c.run(messages/2, full.perSecond/2)
	waited = waits(b, nodes).since(waited)
	b.Logf("full load %v", full)
	b.Logf("half load %v", half)
	b.ReportMetric(full.perSecond, "msg/s")
	b.ReportMetric(ms(half.p50), "p50-ms-half")
	b.ReportMetric(ms(half.p99), "p99-ms-half")
	b.ReportMetric(waited.quantile(0.5)*1000, "taken-p50-ms-half")
	b.ReportMetric(waited.quantile(0.99)*1000, "taken-p99-ms-half")
	b.ReportMetric((after.commands-before.commands)/messages, "redis-commands")
	b.ReportMetric((after.bytes-before.bytes)/messages, "redis-bytes")
	b.ReportMetric((after.cpu-before.cpu)*1e6/messages, "redis-cpu-us")
	b.ReportMetric(spent.Seconds()*1e6/messages, "cpu-us")
	b.ReportMetric(0, "ns/op")
	for _, h := range nodes {
		if code := h.Stop(); code != 0 {
			b.Errorf("exit code %d\n%s", code, strings.Join(h.Lines(), "\n"))
		}
	}
}

// stepBack lets the hubs and their Redis run before this process, whose people, platform
// and model would be on other machines, until the benchmark is over.
func stepBack(b *testing.B) {
	b.Helper()
	if err := nice(10); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := nice(0); err != nil {
			b.Fatalf("what starts now would step back too, so run one benchmark at a time, or all as root: %v", err)
		}
	})
}

// nice sets the priority of this process, thread by thread, as Linux has it
// (setpriority(2)).
func nice(n int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, n); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// balancer is one address for all nodes, which it asks in turn.
func balancer(b *testing.B) (address string, over func([]*hubtest.Hub)) {
	b.Helper()
	var nodes atomic.Pointer[[]*hubtest.Hub]
	nodes.Store(&[]*hubtest.Hub{})
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DialContext: (&net.Dialer{}).DialContext}
	b.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		all := *nodes.Load()
		r.SetURL(&url.URL{Scheme: "http", Host: all[rand.IntN(len(all))].Address})
	}}
	return hubtest.Serve(b, proxy), func(all []*hubtest.Hub) { nodes.Store(&all) }
}

// usage is what a Redis has used since it began.
type usage struct{ commands, bytes, cpu float64 }

func used(b *testing.B, s *redistest.Server) usage {
	b.Helper()
	values := map[string]float64{}
	for _, section := range []string{"stats", "cpu"} {
		info, _ := s.Do("INFO", section).(string)
		for line := range strings.Lines(info) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), ":")
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				values[name] = v
			}
		}
	}
	return usage{
		commands: values["total_commands_processed"], bytes: values["total_net_input_bytes"] + values["total_net_output_bytes"],
		cpu: values["used_cpu_user"] + values["used_cpu_sys"],
	}
}

// ticks is how finely Linux counts processor time (USER_HZ).
const ticks = 100

// processor is the processor time of all nodes so far (proc(5), stat).
func processor(b *testing.B, nodes []*hubtest.Hub) time.Duration {
	b.Helper()
	total := 0
	for _, h := range nodes {
		data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.PID()), "stat"))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		for _, at := range []int{11, 12} { // utime and stime
			n, err := strconv.Atoi(fields[at])
			if err != nil {
				b.Fatal(err)
			}
			total += n
		}
	}
	return time.Duration(total) * time.Second / ticks
}

// histogram is how many values are at most so large, by the bounds in seconds.
type histogram map[float64]float64

// waits is how long the messages of all nodes waited for their turn, so far.
func waits(b *testing.B, nodes []*hubtest.Hub) histogram {
	b.Helper()
	sum := histogram{}
	for _, h := range nodes {
		_, text, err := h.Get("/metrics")
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(text) {
			labels, count, _ := strings.Cut(strings.TrimSpace(line), "} ")
			if !strings.HasPrefix(labels, "parley_stage_seconds_bucket{") || !strings.Contains(labels, `stage="taken"`) {
				continue
			}
			_, bound, _ := strings.Cut(labels, `le="`)
			le, err := strconv.ParseFloat(strings.Trim(bound, `"`), 64)
			if err != nil {
				b.Fatal(err)
			}
			n, err := strconv.ParseFloat(count, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum[le] += n
		}
	}
	return sum
}

func (h histogram) since(before histogram) histogram {
	out := histogram{}
	for le, n := range h {
		out[le] = n - before[le]
	}
	return out
}

// quantile is drawn on a straight line between the bounds around it.
func (h histogram) quantile(q float64) float64 {
	want := q * h[math.Inf(1)]
	low, below := 0.0, 0.0
	for _, le := range slices.Sorted(maps.Keys(h)) {
		if h[le] >= want {
			if math.IsInf(le, 1) || h[le] == below {
				return low
			}
			return low + (le-low)*(want-below)/(h[le]-below)
		}
		low, below = le, h[le]
	}
	return low
}
