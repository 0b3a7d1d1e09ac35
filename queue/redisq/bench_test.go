package redisq_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

const publishers = 64

// BenchmarkThroughput is a closed loop of 64 publishers over 2000 conversations
// with 512-byte bodies and handlers that do nothing. An operation is one item
// published, handled and committed; p50 and p99 are of Publish. of-set is the
// throughput as a share of 64 clients that SET 512 bytes one by one on the same
// server in the same run.
func BenchmarkThroughput(b *testing.B) {
	b.Run("everysec", func(b *testing.B) {
		s := redistest.Start(b, "--appendfsync", "everysec")
		throughput(b, redisq.Options{URL: secret.New(s.URL())}, redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, PoolSize: publishers}), nil)
	})
	b.Run("always", func(b *testing.B) {
		s := redistest.Start(b, "--appendfsync", "always")
		throughput(b, redisq.Options{URL: secret.New(s.URL())}, redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, PoolSize: publishers}), nil)
	})
	b.Run("cluster", func(b *testing.B) {
		nodes := redistest.StartCluster(b, "--appendfsync", "everysec")
		url := redistest.ClusterURL(nodes)
		throughput(b, redisq.Options{URL: secret.New(url)}, clusterClient(nodes), nil)
	})
	// With a reply into the outbox from each commit, as the hub does.
	reply := func(d queue.Delivery) []queue.Outgoing {
		out := make([]queue.Outgoing, 0, len(d.Items))
		for _, in := range d.Items {
			out = append(out, queue.Outgoing{Key: lane(d.Key.Owner), Item: in})
		}
		return out
	}
	b.Run("everysec with replies", func(b *testing.B) {
		s := redistest.Start(b, "--appendfsync", "everysec")
		throughput(b, redisq.Options{URL: secret.New(s.URL())}, redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, PoolSize: publishers}), reply)
	})
	b.Run("cluster with replies", func(b *testing.B) {
		nodes := redistest.StartCluster(b, "--appendfsync", "everysec")
		throughput(b, redisq.Options{URL: secret.New(redistest.ClusterURL(nodes))}, clusterClient(nodes), reply)
	})
}

func clusterClient(nodes []*redistest.Server) redis.UniversalClient {
	addrs := make([]string, 0, len(nodes))
	for _, n := range nodes {
		addrs = append(addrs, n.Addr())
	}
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, Protocol: 2})
}

func throughput(b *testing.B, o redisq.Options, plain redis.UniversalClient, out func(queue.Delivery) []queue.Outgoing) {
	const conversations = 2000
	sets := setsPerSecond(b, plain)
	e, err := redisq.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var handled atomic.Int64
	all := make(chan struct{})
	total := int64(b.N)
	var consumers sync.WaitGroup
	consumers.Go(func() {
		err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 128, Batch: 8}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			c := queue.Commit{Done: len(d.Items), Then: func(time.Duration) {
				if handled.Add(int64(len(d.Items))) == total {
					close(all)
				}
			}}
			if out != nil {
				c.Out = out(d)
			}
			return c, nil
		})
		if err != nil {
			b.Error(err)
		}
	})
	body := make([]byte, 512)
	took := make([][]time.Duration, publishers)
	var next atomic.Int64
	b.ResetTimer()
	inParallel(func(p int) {
		for n := next.Add(1); n <= total; n = next.Add(1) {
			key := queue.Key{Box: queue.Inbox, Scope: "person", Owner: fmt.Sprint(n % conversations)}
			begun := time.Now()
			if _, err := e.Publish(ctx, key, queue.Item{ID: fmt.Sprintf("message-%d", n), Body: body}); err != nil {
				b.Error(err)
				return
			}
			took[p] = append(took[p], time.Since(begun))
		}
	})
	<-all
	b.StopTimer()
	rate := float64(total) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "msgs/s")
	b.ReportMetric(rate/sets, "of-set")
	times := slices.Concat(took...)
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	cancel()
	consumers.Wait()
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}

// setsPerSecond measures the limit: plain SETs, each waited for.
func setsPerSecond(b *testing.B, plain redis.UniversalClient) float64 {
	b.Helper()
	defer plain.Close()
	const total = 60_000
	body := make([]byte, 512)
	var next atomic.Int64
	begun := time.Now()
	inParallel(func(int) {
		for n := next.Add(1); n <= total; n = next.Add(1) {
			if err := plain.Set(b.Context(), strconv.FormatInt(n%2000, 10), body, 0).Err(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	return total / time.Since(begun).Seconds()
}

func inParallel(work func(p int)) {
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() { work(p) })
	}
	wg.Wait()
}
