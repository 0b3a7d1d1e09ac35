package telemetry_test

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/internal/telemetry"
)

func TestCaches(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	states := func() []telemetry.CacheState {
		return []telemetry.CacheState{
			{
				Pool: "chat", Process: 1, Redis: 2, Joined: 3, Similar: 4, Stale: 5, Misses: 6, Shadow: 7, Rejected: 8, Failed: 9, Saved: 10,
				Texts: 11, Calls: 12, Told: 13, Dropped: 14, Learned: 15, Refused: 16,
			},
			{Pool: "embed"},
		}
	}
	if err := r.WatchCaches(states); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, r)
	for _, line := range []string{
		`parley_cache_hits_total{from="process",pool="chat"} 1`, `parley_cache_hits_total{from="redis",pool="chat"} 2`,
		`parley_cache_hits_total{from="joined",pool="chat"} 3`, `parley_cache_hits_total{from="similar",pool="chat"} 4`,
		`parley_cache_stale_total{pool="chat"} 5`, `parley_cache_misses_total{pool="chat"} 6`,
		`parley_cache_similar_total{outcome="shadow",pool="chat"} 7`, `parley_cache_similar_total{outcome="rejected",pool="chat"} 8`,
		`parley_cache_similar_total{outcome="failed",pool="chat"} 9`, `parley_cache_saved_tokens_total{pool="chat"} 10`,
		`parley_cache_vectors_total{outcome="told",pool="chat"} 13`, `parley_cache_vectors_total{outcome="dropped",pool="chat"} 14`,
		`parley_cache_vectors_total{outcome="learned",pool="chat"} 15`, `parley_cache_vectors_total{outcome="refused",pool="chat"} 16`,
		`parley_batch_texts_total{pool="chat"} 11`, `parley_batch_calls_total{pool="chat"} 12`, `parley_batch_calls_total{pool="embed"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if r.WatchCaches(states) == nil {
		t.Error("caches were watched twice")
	}
}
