package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/batch"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// vectors is what a thousand single texts a second meet.
type vectors struct {
	calls, failed int
	p50           time.Duration
}

// batching is point 12.
func batching(t *testing.T) []row {
	const texts = 3000
	// A server that does not say what its model is for is known by the name.
	const embedding = "embed-small"
	play := func(batched bool, bad int) (v vectors) {
		inWorld(t, setup{policy: auto, worker: func(_ int, o *modeltest.Options) {
			*o = modeltest.Options{Model: embedding, Slots: 32, FirstToken: 5 * time.Millisecond, Prefill: 10 * time.Microsecond, Context: 100}
		}, pool: func(o *pool.Options) { o.Model = embedding }}, func(w *world) {
			var e models.Embedder = w.pool
			if batched {
				e = batch.New(batch.Options{Embedder: w.pool})
			}
			took := make([]time.Duration, texts)
			wrong := make([]bool, texts)
			var asking sync.WaitGroup
			for i := range texts {
				time.Sleep(time.Millisecond)
				asking.Go(func() {
					text := fmt.Sprint("text number ", i)
					if i == bad {
						text = strings.Repeat("long ", 200)
					}
					began := time.Now()
					_, err := e.Embed(w.t.Context(), models.EmbedRequest{Texts: []string{text}})
					took[i], wrong[i] = time.Since(began), err != nil
				})
			}
			asking.Wait()
			for i := range wrong {
				if wrong[i] && i != bad {
					v.failed++
				}
			}
			slices.Sort(took)
			v.p50 = quantile(took, 0.5)
			for _, worker := range w.workers {
				v.calls += worker.Counts().Embeddings
			}
		})
		return v
	}
	single, many, spoiled := play(false, -1), play(true, -1), play(true, texts/2)
	share := float64(many.calls) / texts
	added := many.p50 - single.p50
	return append([]row{
		{12, "1000 single texts a second: calls of a worker for each", fmt.Sprintf("%.2f", share), "<= 0.25", judge(share <= 0.25 && many.failed == 0)},
		{12, "1000 single texts a second: p50 over that without batches", ms(added), "<= 6.00 ms", judge(added <= 6*time.Millisecond)},
		{12, "one text that no worker takes: others that failed with it", fmt.Sprint(spoiled.failed), "0", judge(spoiled.failed == 0)},
	}, hubBatching(t)...)
}

// hubBatching is the same through a whole hub, where time is real.
func hubBatching(t *testing.T) []row {
	const texts, every = 2000, time.Millisecond
	play := func(items int) (share float64, took []time.Duration) {
		w := modeltest.Start(t, modeltest.Options{Model: "embed-small", FirstToken: 5 * time.Millisecond})
		hub := runHub(t, func(c *configs.Config) {
			p := poolAt("embed-small", w.Base())
			p.Batch.Items = items
			c.Models.Pools = map[string]models.PoolConfig{"vectors": p}
		})
		c, _ := hub.Client("vectors")
		began := time.Now()
		took = crowd(texts, 256, func(i int) time.Duration {
			time.Sleep(time.Until(began.Add(time.Duration(i) * every)))
			asked := time.Now()
			if _, err := c.(models.Embedder).Embed(t.Context(), models.EmbedRequest{Texts: []string{fmt.Sprint("text number ", i)}}); err != nil {
				t.Error(err)
			}
			return time.Since(asked)
		})
		return float64(w.Counts().Embeddings) / texts, took
	}
	_, single := play(1)
	share, many := play(models.DefaultBatchItems)
	added := quantile(many, 0.5) - quantile(single, 0.5)
	return []row{
		{12, "the same through a hub, in real time: calls of a worker for each", fmt.Sprintf("%.2f", share), "<= 0.25", judge(share <= 0.25)},
		{12, "the same through a hub, in real time: p50 over that without batches, " + ms(quantile(single, 0.5)), ms(added), "<= 6.00 ms", judge(added <= 6*time.Millisecond)},
	}
}
