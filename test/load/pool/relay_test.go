package pool_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
	"github.com/parley-hub/parley/models/routing"
)

// canned answers every request with a stream that was written before: what is left is
// the work of client and pool.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(bytes.NewReader(c)), Request: r,
	}, nil
}

func stream(n int) canned {
	var b bytes.Buffer
	for range n {
		b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n")
	}
	b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":64}}` + "\n\ndata: [DONE]\n\n")
	return b.Bytes()
}

// relay is point 1 from the inside: what the pool adds to the client it is made of.
func relay(t *testing.T) []row {
	made := func(n, workers int) (*openaichat.Client, *pool.Pool) {
		o := pool.Options{Name: "bench", Model: "fake"}
		var one *openaichat.Client
		for i := range workers {
			name := fmt.Sprint("w", i)
			c, err := openaichat.New(openaichat.Options{Base: "http://worker.test/v1", HTTP: &http.Client{Transport: stream(n)}, Worker: name})
			if err != nil {
				t.Fatal(err)
			}
			one = c
			o.Workers = append(o.Workers, pool.Worker{Name: name, Client: c, Slots: slots})
		}
		return one, pool.New(o)
	}
	// A prompt of 4 kB, as conversations have.
	req := models.Request{Model: "fake", Messages: []models.Message{
		{Role: models.System, Text: strings.Repeat("Be kind. ", 100)}, {Role: models.User, Text: strings.Repeat("And then? ", 310)},
	}}
	client, short := made(chunks, 16)
	_, long := made(9*chunks, 16)
	_, shortAllocs := cost(t, short, req)
	_, longAllocs := cost(t, long, req)
	perChunk := (longAllocs - shortAllocs) / (8 * chunks)
	var bare, pooled time.Duration
	for range sittings {
		b, _ := cost(t, client, req)
		p, _ := cost(t, short, req)
		bare, pooled = bare+b/sittings, pooled+p/sittings
	}
	read, pick := routingCost(t, req)
	return []row{
		{1, "reading and hashing a prompt of 4 kB", fmt.Sprintf("%.1f us", us(read)), "<= 10.0 us", judge(read <= 10*time.Microsecond)},
		{1, "choosing among 16 workers with its prefix known", fmt.Sprintf("%.1f us", us(pick)), "<= 2.0 us", judge(pick <= 2*time.Microsecond)},
		{1, fmt.Sprintf("the pool's own time for a stream of %d, 16 workers, 4 kB of prompt", chunks), fmt.Sprintf("%.1f us over %.1f us", us(pooled-bare), us(bare)), "", info},
		{1, "allocations for each chunk relayed", fmt.Sprintf("%.1f", perChunk), "<= 3", judge(math.Round(perChunk*10) <= 30)},
	}
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// cost is the processor time and the allocations of one call.
func cost(t *testing.T, c models.Client, req models.Request) (time.Duration, float64) {
	t.Helper()
	call := func() {
		for _, err := range c.Chat(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	call()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, worked, n := time.Now(), processor(t), 0
	for ; time.Since(began) < sitting; n++ {
		call()
	}
	took := processor(t) - worked
	runtime.ReadMemStats(&after)
	return took / time.Duration(n), float64(after.Mallocs-before.Mallocs) / float64(n)
}

// routingCost is what the choice of a worker takes: what it reads of a prompt, and the
// look-up and the choice itself.
func routingCost(t *testing.T, req models.Request) (read, pick time.Duration) {
	t.Helper()
	index := routing.NewIndex(0)
	policy, err := routing.New(routing.Options{Name: routing.Auto, Index: index})
	if err != nil {
		t.Fatal(err)
	}
	workers := make([]routing.Worker, 16)
	prompt := routing.Read(req)
	for i := range workers {
		workers[i] = routing.Worker{ID: fmt.Sprint("w", i), InFlight: i % 3, Slots: slots, Speed: 1, Service: time.Second, PrefillPerToken: prefill, Weight: 1}
		if i%4 == 0 {
			index.Insert(workers[i].ID, prompt)
		}
	}
	return each(t, func() { routing.Read(req) }), each(t, func() { policy.Pick(prompt, workers) })
}

// each is the processor time that one of many calls takes.
func each(t *testing.T, call func()) time.Duration {
	t.Helper()
	began, worked, n := time.Now(), processor(t), 0
	for ; time.Since(began) < sitting; n++ {
		for range 100 {
			call()
		}
	}
	return (processor(t) - worked) / time.Duration(100*n)
}
