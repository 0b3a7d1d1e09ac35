package sqliteq_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

// BenchmarkThroughput is a closed loop of 64 publishers over 2000 conversations
// with 512-byte bodies and handlers that do nothing. An operation is one item
// published, handled and committed; p50 and p99 are of Publish.
func BenchmarkThroughput(b *testing.B) {
	const publishers, conversations = 64, 2000
	e, err := sqliteq.Open(b.Context(), sqliteq.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var handled atomic.Int64
	all := make(chan struct{})
	total := int64(b.N)
	var consumer sync.WaitGroup
	consumer.Go(func() {
		err := e.Consume(ctx, queue.ConsumeOptions{Box: queue.Inbox, Slots: 128, Batch: 8}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			if handled.Add(int64(len(d.Items))) == total {
				close(all)
			}
			return queue.Commit{Done: len(d.Items)}, nil
		})
		if err != nil {
			b.Error(err)
		}
	})
	body := make([]byte, 512)
	var next atomic.Int64
	took := make([][]time.Duration, publishers)
	b.ResetTimer()
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > total {
					return
				}
				key := queue.Key{Box: queue.Inbox, Scope: "person", Owner: fmt.Sprint(n % conversations)}
				begun := time.Now()
				if _, err := e.Publish(ctx, key, queue.Item{ID: fmt.Sprintf("message-%d", n), Body: body}); err != nil {
					b.Error(err)
					return
				}
				took[p] = append(took[p], time.Since(begun))
			}
		})
	}
	wg.Wait()
	<-all
	b.StopTimer()
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "msgs/s")
	times := slices.Concat(took...)
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	cancel()
	consumer.Wait()
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}
