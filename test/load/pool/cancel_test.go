package pool_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// cancellation is point 8: by the clock of the wall, over the loopback interface.
func cancellation(t *testing.T) []row {
	const people = 100
	transport := &http.Transport{MaxIdleConnsPerHost: people}
	defer transport.CloseIdleConnections()
	o := pool.Options{Name: "bench", Model: "fake"}
	var workers []*modeltest.Worker
	for i := range 4 {
		w := modeltest.Start(t, modeltest.Options{PerToken: 20 * time.Millisecond, Answer: func([]models.Message) string { return vocabulary }})
		workers = append(workers, w)
		c, err := openaichat.New(openaichat.Options{Base: w.Base(), HTTP: &http.Client{Transport: transport}, Worker: fmt.Sprint("w", i)})
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = append(o.Workers, pool.Worker{Name: fmt.Sprint("w", i), Client: c, Slots: people})
	}
	p := pool.New(o)
	ctx, leave := context.WithCancel(t.Context())
	var reading, gone sync.WaitGroup
	reading.Add(people)
	for range people {
		gone.Go(func() {
			deltas := 0
			for range p.Chat(ctx, modeltest.Ask("go on")) {
				if deltas++; deltas == 25 {
					reading.Done()
				}
			}
		})
	}
	reading.Wait()
	tokens := func() (n int) {
		for _, w := range workers {
			n += w.Counts().Tokens
		}
		return n
	}
	before, began := tokens(), time.Now()
	leave()
	for _, w := range workers {
		w.Await(t, "the end of the requests", func(c modeltest.Counts) bool { return c.Running == 0 })
	}
	took, after := time.Since(began), tokens()
	gone.Wait()
	wasted := float64(after-before) / float64(after)
	return []row{
		{8, fmt.Sprintf("%d people leave at once: the last slot is free after", people), ms(took), "<= 200 ms", judge(took <= 200*time.Millisecond)},
		{8, "tokens generated after they left", percent(wasted), "<= 1 %", judge(wasted <= 0.01)},
	}
}
