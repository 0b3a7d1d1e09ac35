package cache

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
)

func BenchmarkHit(b *testing.B) {
	c := New(Options{Client: &teller{}})
	defer c.Close()
	r := question("alice", strings.Repeat("A prompt of about four kilobytes, with some history. ", 80))
	hear(b.Context(), c, r)
	b.ReportAllocs()
	for b.Loop() {
		for d, err := range c.Chat(b.Context(), r) {
			if err != nil || d.Finish != "" && d.Saved == nil {
				b.Fatal(d, err)
			}
		}
	}
}

func BenchmarkMiss(b *testing.B) {
	c := New(Options{Client: &teller{script: []models.Delta{{Text: "yes"}, {Finish: models.FinishStop}}}})
	defer c.Close()
	i := 0
	for b.Loop() {
		i++
		hear(b.Context(), c, question("alice", fmt.Sprint(i)))
	}
}
