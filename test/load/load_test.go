package load

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// bareEnv makes the test binary be the bare loop: "API WORKER".
const bareEnv = "PARLEY_BARE_LOOP"

func TestMain(m *testing.M) {
	if where := os.Getenv(bareEnv); where != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		api, worker, _ := strings.Cut(where, " ")
		err := bare(ctx, api, worker)
		stop()
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "bare loop:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	hubtest.Cleanup()
	os.Exit(code)
}

const (
	token = "4242:load-test-token-of-no-real-bot"
	bot   = 4242
	first = 10_000 // id of the first person
)

const hubConfig = `
http: {listen: "ADDRESS"}
data_dir: "DIR"
channels:
  telegram:
    token: "` + token + `"
    api_url: "%s"
    limits: {account: {count: 0}, chat: {count: 0}, group: {count: 0}}
    send_overlap: %s
models:
  pools:
    chat: {model: fake, workers: [{url: "%s/v1", slots: 1024}]}
skills: {rate: {count: 0}}
delivery: {parallel: 64}
log: {level: warn}
`

// crowd is the platform, the model and the people.
type crowd struct {
	b      *testing.B
	sim    *telegram.Server
	api    string
	worker string
	chats  int
}

func newCrowd(b *testing.B, chats int, delay time.Duration) *crowd {
	b.Helper()
	sim := telegram.New(telegram.Options{MaxMessages: 50, MaxCalls: 10, MaxEvents: 10})
	b.Cleanup(sim.Close)
	sim.AddBot(token, bot, "load_bot", "Load")
	for i := range chats {
		sim.AddUser(telegram.User{ID: int64(first + i), FirstName: "P"})
		if err := sim.OpenPrivate(bot, int64(first+i)); err != nil {
			b.Fatal(err)
		}
	}
	w := modeltest.New(modeltest.Options{FirstToken: delay, Answer: func(prompt []models.Message) string {
		last := prompt[len(prompt)-1].Text
		if strings.HasPrefix(last, slowWord) {
			<-time.After(10 * time.Second)
		}
		return last
	}})
	return &crowd{b: b, sim: sim, chats: chats, api: hubtest.Serve(b, sim), worker: hubtest.Serve(b, w)}
}

// slowWord begins a message that the model takes ten seconds for.
const slowWord = "slow"

// startBare runs the bare loop; stop ends it.
func (c *crowd) startBare() (stop func()) {
	c.b.Helper()
	self, err := os.Executable()
	if err != nil {
		c.b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), bareEnv+"="+c.api+"/bot"+token+" "+c.worker+"/v1")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		c.b.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			c.b.Error(err)
		}
	}
}

// startHub runs the hub with everything durable.
func (c *crowd) startHub(overlap string) (h *hubtest.Hub, stop func()) {
	c.b.Helper()
	h = hubtest.New(c.b, fmt.Sprintf(hubConfig, c.api, overlap, c.worker))
	h.Start()
	h.WaitReady()
	return h, func() {
		if code := h.Stop(); code != 0 {
			c.b.Errorf("exit code %d\n%s", code, strings.Join(h.Lines(), "\n"))
		}
	}
}

// result is what a run showed.
type result struct {
	perSecond float64
	p50, p99  time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("%7.0f msg/s, p50 %6.2f ms, p99 %6.2f ms", r.perSecond, ms(r.p50), ms(r.p99))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// run makes each person send, get the answer and send again, messages in all.
// With a rate above 0 people wait so that together they send so many a second.
func (c *crowd) run(messages int, rate float64) result {
	c.b.Helper()
	sub := c.sim.Subscribe(1 << 16)
	defer sub.Close()
	said := make(map[int64]time.Time, c.chats)
	took := make([]time.Duration, 0, messages)
	sent, serial := 0, 0
	say := func(id int64) {
		serial++
		sent++
		said[id] = time.Now()
		if _, err := c.sim.Say(id, fmt.Sprint("m", serial)); err != nil {
			c.b.Fatal(err)
		}
	}
	began := time.Now()
	idle := make([]int64, 0, c.chats)
	for i := range c.chats {
		idle = append(idle, int64(first+i))
	}
	var tick <-chan time.Time
	if rate > 0 {
		t := time.NewTicker(time.Duration(float64(time.Second) / rate))
		defer t.Stop()
		tick = t.C
	} else {
		for _, id := range idle[:min(messages, len(idle))] {
			say(id)
		}
		idle = nil
	}
	late := time.After(5 * time.Minute)
	for len(took) < messages {
		select {
		case e := <-sub.C:
			if e.Kind != telegram.EventMessage || e.Message.ByBot == 0 || said[e.Chat].IsZero() {
				continue
			}
			took = append(took, time.Since(said[e.Chat]))
			said[e.Chat] = time.Time{}
			switch {
			case sent >= messages:
			case rate > 0:
				idle = append(idle, e.Chat)
			default:
				say(e.Chat)
			}
		case <-tick:
			if len(idle) > 0 && sent < messages {
				id := idle[0]
				idle = idle[1:]
				say(id)
			}
		case <-late:
			c.b.Fatalf("only %d of %d answers", len(took), messages)
		}
	}
	all := time.Since(began)
	slices.Sort(took)
	return result{
		perSecond: float64(messages) / all.Seconds(),
		p50:       took[len(took)/2], p99: took[int(math.Ceil(float64(len(took))*0.99))-1],
	}
}

// BenchmarkAgainstBareLoop is the hub's price: throughput as a share of the bare
// loop's, and how much later answers come at half the hub's load.
func BenchmarkAgainstBareLoop(b *testing.B) {
	for _, delay := range []time.Duration{0, 500 * time.Millisecond} {
		for _, chats := range []int{50, 500} {
			b.Run(fmt.Sprintf("model=%v/chats=%d", delay, chats), func(b *testing.B) {
				messages := 6000
				if delay > 0 {
					messages = chats * 12
				}
				for b.Loop() {
					compare(b, chats, delay, messages)
				}
			})
		}
	}
}

func compare(b *testing.B, chats int, delay time.Duration, messages int) {
	b.Helper()
	c := newCrowd(b, chats, delay)
	stop := c.startBare()
	c.run(messages/4, 0) // warm
	bareFull := c.run(messages, 0)
	stop()
	_, stop = c.startHub("0s")
	c.run(messages/4, 0)
	hubFull := c.run(messages, 0)
	half := hubFull.perSecond / 2
	hubHalf := c.run(messages/2, half)
	stop()
	_, stop = c.startHub("33ms")
	hubInLine := c.run(messages, 0)
	stop()
	stop = c.startBare()
	bareHalf := c.run(messages/2, half)
	stop()
	b.Logf("full load   bare loop   %v", bareFull)
	b.Logf("full load   hub         %v (%.2f of the bare loop)", hubFull, hubFull.perSecond/bareFull.perSecond)
	b.Logf("full load   hub in line %v (%.2f; sends one at a time)", hubInLine, hubInLine.perSecond/bareFull.perSecond)
	b.Logf("%5.0f msg/s bare loop   %v", half, bareHalf)
	b.Logf("%5.0f msg/s hub         %v (p99 %+.2f ms)", half, hubHalf, ms(hubHalf.p99-bareHalf.p99))
	b.ReportMetric(hubFull.perSecond, "msg/s")
	b.ReportMetric(hubFull.perSecond/bareFull.perSecond, "of-bare")
	b.ReportMetric(hubInLine.perSecond/bareFull.perSecond, "of-bare-in-line")
	b.ReportMetric(ms(hubHalf.p99-bareHalf.p99), "p99-ms-over-bare")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSlowAndLimitedChats shows what a chat with a ten-second model and a chat
// that the platform limits cost the others: nothing, if the ratio is about 1.
func BenchmarkSlowAndLimitedChats(b *testing.B) {
	for b.Loop() {
		c := newCrowd(b, 100, 0)
		_, stop := c.startHub("33ms")
		c.run(1000, 0)
		alone := c.run(4000, 500)
		slow, limited := int64(first+1000), int64(first+1001)
		for _, id := range []int64{slow, limited} {
			c.sim.AddUser(telegram.User{ID: id, FirstName: "Q"})
			if err := c.sim.OpenPrivate(bot, id); err != nil {
				b.Fatal(err)
			}
		}
		c.sim.Inject(telegram.Fault{Method: "sendMessage", Chat: limited, Kind: telegram.FaultTooManyRequests, Count: 3, RetryAfter: 3})
		for i := range 5 {
			for id, word := range map[int64]string{slow: slowWord, limited: "x"} {
				if _, err := c.sim.Say(id, fmt.Sprint(word, i)); err != nil {
					b.Fatal(err)
				}
			}
		}
		beside := c.run(4000, 500)
		b.Logf("alone               %v", alone)
		b.Logf("beside the two      %v", beside)
		b.ReportMetric(float64(beside.p50)/float64(alone.p50), "p50-ratio")
		b.ReportMetric(float64(beside.p99)/float64(alone.p99), "p99-ratio")
		b.ReportMetric(0, "ns/op")
		stop()
	}
}

// BenchmarkStart measures from the start of the process until it is ready, and what
// it holds in memory then.
func BenchmarkStart(b *testing.B) {
	hubtest.Binary(b)
	for b.Loop() {
		c := newCrowd(b, 1, 0)
		h := hubtest.New(b, fmt.Sprintf(hubConfig, c.api, "33ms", c.worker))
		began := time.Now()
		h.Start()
		h.WaitReady()
		ready := time.Since(began)
		c.run(1, 0)
		b.Logf("ready after %.0f ms, resident memory %.1f MiB", ms(ready), resident(b, h.PID()))
		b.ReportMetric(ms(ready), "ms-to-ready")
		b.ReportMetric(resident(b, h.PID()), "MiB-resident")
		b.ReportMetric(0, "ns/op")
		h.Stop()
	}
}

// resident reads how much memory a process holds, in MiB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
