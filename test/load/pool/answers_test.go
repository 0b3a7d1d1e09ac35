package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/batch"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// answerCache is point 11, as far as one process goes.
func answerCache(t *testing.T) []row {
	cold := 0.0
	w := modeltest.Start(t, modeltest.Options{FirstToken: 50 * time.Millisecond, Answer: func([]models.Message) string { return vocabulary }})
	client, err := openaichat.New(openaichat.Options{Base: w.Base()})
	if err != nil {
		t.Fatal(err)
	}
	kept := cache.New(cache.Options{Client: client})
	defer kept.Close()
	req := models.Request{
		Model: "fake", Sampling: models.Sampling{Temperature: &cold}, For: models.Payer{Account: "bot", Person: "p"},
		Messages: []models.Message{{Role: models.System, Text: strings.Repeat("Be kind. ", 100)}, {Role: models.User, Text: "And then?"}},
	}
	var asking sync.WaitGroup
	for range 100 {
		asking.Go(func() { ask(t.Context(), kept, arrival{req: req}) })
	}
	asking.Wait()
	calls := w.Counts().Started
	hit, _ := cost(t, kept, req)
	return []row{
		{11, "100 who ask the same at once: calls of a worker", fmt.Sprint(calls), "1", judge(calls == 1)},
		{11, "an answer that was kept, of 600 words: processor time", fmt.Sprintf("%.1f us", us(hit)), "<= 30.0 us", judge(hit <= 30*time.Microsecond)},
		{11, "hits from Redis, by meaning, across tenants", "", "", absent},
	}
}

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
	return []row{
		{12, "1000 single texts a second: calls of a worker for each", fmt.Sprintf("%.2f", share), "<= 0.25", judge(share <= 0.25 && many.failed == 0)},
		{12, "1000 single texts a second: p50 over that without batches", ms(added), "<= 6.00 ms", judge(added <= 6*time.Millisecond)},
		{12, "one text that no worker takes: others that failed with it", fmt.Sprint(spoiled.failed), "0", judge(spoiled.failed == 0)},
	}
}
