package redisq_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// BenchmarkGrowth shows how what a message costs grows with what is in Redis already:
// messages that wait, each in a chat of its own, and conversations with a memory of
// 500 bytes whose people are silent. Some 20 000 messages are published and handled
// beside them, with a memory that grows. cpu-us is what the Redis process itself used for
// one of them, which other work on the machine does not change much; commands counts
// what it was sent, scripts and what they call.
func BenchmarkGrowth(b *testing.B) {
	for _, kind := range []string{"waiting", "sessions"} {
		for _, n := range []int{1_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s=%d", kind, n), func(b *testing.B) {
				for b.Loop() {
					growth(b, kind, n)
				}
			})
		}
	}
}

func growth(b *testing.B, kind string, n int) {
	b.Helper()
	const measured = 20_000
	s := redistest.Start(b, "--appendfsync", "everysec")
	e, err := redisq.Open(b.Context(), redisq.Options{URL: secret.New(s.URL()), MaxItems: 2_000_000})
	if err != nil {
		b.Fatal(err)
	}
	l := &loop{b: b, e: e}
	l.publish("before", n, n)
	if kind == "sessions" {
		l.handle(n)
	}
	before := l.cost(s)
	begun := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.handle(measured)
	}()
	l.publish("now", measured, 2000)
	<-done
	took := time.Since(begun)
	after := l.cost(s)
	b.ReportMetric(measured/took.Seconds(), "msgs/s")
	b.ReportMetric((after.cpu-before.cpu)*1e6/measured, "cpu-us")
	b.ReportMetric((after.commands-before.commands)/measured, "commands")
	b.ReportMetric((after.received-before.received+after.sent-before.sent)/measured, "net-bytes")
	b.ReportMetric(0, "ns/op")
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}

// loop publishes and handles.
type loop struct {
	b *testing.B
	e *redisq.Engine
}

// publish publishes n messages of 512 bytes to so many owners.
func (l *loop) publish(name string, n, owners int) {
	body := make([]byte, 512)
	var next atomic.Int64
	inParallel(func(int) {
		for i := next.Add(1); i <= int64(n); i = next.Add(1) {
			key := queue.Key{Box: queue.Inbox, Scope: "person", Owner: fmt.Sprint(name, i%int64(owners))}
			if _, err := l.e.Publish(l.b.Context(), key, queue.Item{ID: fmt.Sprint(name, "-", i), Body: body}); err != nil {
				l.b.Error(err)
				return
			}
		}
	})
}

// handle handles n messages; each leaves an entry of 500 bytes in a log of at most ten.
func (l *loop) handle(n int) {
	ctx, stop := context.WithCancel(l.b.Context())
	defer stop()
	var handled atomic.Int64
	var once sync.Once
	err := l.e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 128}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		return queue.Commit{
			Done: 1, Trim: max(len(d.Memory.Log)-9, 0), Append: [][]byte{make([]byte, 500)},
			Then: func(time.Duration) {
				if handled.Add(1) >= int64(n) {
					once.Do(stop)
				}
			},
		}, nil
	})
	if err != nil {
		l.b.Error(err)
	}
}

// cost is what a Redis process has used.
type cost struct{ cpu, commands, received, sent float64 }

func (l *loop) cost(s *redistest.Server) cost {
	value := func(section, name string) float64 {
		info, _ := s.Do("INFO", section).(string)
		for line := range strings.Lines(info) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
				v, err := strconv.ParseFloat(text, 64)
				if err != nil {
					l.b.Fatal(err)
				}
				return v
			}
		}
		l.b.Fatalf("Redis does not tell %s", name)
		return 0
	}
	return cost{
		cpu:      value("cpu", "used_cpu_user") + value("cpu", "used_cpu_sys"),
		commands: value("stats", "total_commands_processed"),
		received: value("stats", "total_net_input_bytes"), sent: value("stats", "total_net_output_bytes"),
	}
}
