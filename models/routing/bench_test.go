package routing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

// request is one of so many bytes, as a conversation would send it.
func request(id, size int) models.Request {
	r := models.Request{
		Messages: []models.Message{{Role: models.System, Text: strings.Repeat("You are a friendly bot. ", 20)}},
		Affinity: fmt.Sprint("person-", id),
	}
	for n := 0; n < size; n += 256 {
		r.Messages = append(r.Messages, models.Message{Role: models.User, Text: fmt.Sprintf("%0240d", id)})
	}
	return r
}

// crowded is an Index of 16 workers that have much to remember.
func crowded(workers []routing.Worker) *routing.Index {
	index := routing.NewIndex(0)
	for id := range 16 * 500 {
		index.Insert(workers[id%len(workers)].ID, routing.Read(request(id, 4096)))
	}
	return index
}

func BenchmarkPick(b *testing.B) {
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			workers := fleet(16, 32)
			p := policy(b, name, crowded(workers), 1)
			var prompts []routing.Prompt
			for id := range 512 {
				prompts = append(prompts, routing.Read(request(id*13, 4096)))
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				i := p.Pick(prompts[n%len(prompts)], workers)
				// As many in flight as there are, some more here and some less there.
				workers[i].InFlight = (workers[i].InFlight + n) % 32
			}
		})
	}
}

func BenchmarkReadAndCached(b *testing.B) {
	workers := fleet(16, 32)
	index := crowded(workers)
	var requests []models.Request
	for id := range 256 {
		requests = append(requests, request(id*13, 4096))
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		index.Cached(workers[n%16].ID, routing.Read(requests[n%len(requests)]))
	}
}

func BenchmarkInsert(b *testing.B) {
	workers := fleet(16, 32)
	index := crowded(workers)
	var prompts []routing.Prompt
	for id := range 512 {
		prompts = append(prompts, routing.Read(request(id*13, 4096)))
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		index.Insert(workers[n%16].ID, prompts[n%len(prompts)])
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	for _, name := range names {
		workers := fleet(16, 8)
		index := routing.NewIndex(0)
		p, prompt := policy(t, name, index, 1), routing.Read(request(1, 4096))
		index.Insert(workers[3].ID, prompt)
		workers[5].Weight = 0.25
		if n := testing.AllocsPerRun(200, func() { p.Pick(prompt, workers) }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
