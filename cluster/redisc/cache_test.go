package redisc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/test/redistest"
)

func TestCache(t *testing.T) {
	for form, start := range map[string]func(*testing.T) string{
		"server":   func(t *testing.T) string { return redistest.Start(t).URL() },
		"cluster":  func(t *testing.T) string { return redistest.ClusterURL(redistest.StartCluster(t)) },
		"sentinel": func(t *testing.T) string { return redistest.StartSentinels(t).URL() },
	} {
		t.Run(form, func(t *testing.T) {
			url, tests := start(t), 0
			clustertest.Cache(t, func(t *testing.T) clustertest.CacheWorld {
				tests++
				w := &cacheWorld{t: t}
				prefix := fmt.Sprint("test", tests)
				return clustertest.CacheWorld{A: w.node(url, prefix), B: w.node(url, prefix), Elapse: w.elapse}
			})
		})
	}
}

// cacheWorld knows what was kept, to make it older.
type cacheWorld struct {
	t *testing.T

	mu   sync.Mutex
	any  *redisc.Engine
	keys []string
}

type cacheNode struct {
	*redisc.Engine
	w *cacheWorld
}

func (w *cacheWorld) node(url, prefix string) cacheNode {
	w.any = noteNode(w.t, url, prefix)
	return cacheNode{w.any, w}
}

func (n cacheNode) Keep(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	n.w.mu.Lock()
	n.w.keys = append(n.w.keys, key)
	n.w.mu.Unlock()
	return n.Engine.Keep(ctx, key, value, ttl)
}

// elapse takes d off the life of all that was kept.
func (w *cacheWorld) elapse(d time.Duration) {
	w.t.Helper()
	slices.Sort(w.keys)
	for _, key := range slices.Compact(w.keys) {
		at, ctx := w.any.CacheKey(key), w.t.Context()
		left, err := w.any.Redis().PTTL(ctx, at).Result()
		switch {
		case err != nil:
			w.t.Fatal(err)
		case left < 0: // it is gone
			continue
		case left <= d:
			err = w.any.Redis().Del(ctx, at).Err()
		default:
			err = w.any.Redis().PExpire(ctx, at, left-d).Err()
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestCacheInRedis: nobody can be read in a key, every key expires, and a Redis that has
// no room says so.
func TestCacheInRedis(t *testing.T) {
	server := redistest.Start(t)
	e := noteNode(t, server.URL(), "")
	if err := e.Keep(t.Context(), "generation/person/alice", []byte("word"), time.Hour); err != nil {
		t.Fatal(err)
	}
	keys, _ := server.Do("KEYS", "*").([]any)
	if len(keys) != 1 {
		t.Fatalf("keys %v", keys)
	}
	key := fmt.Sprint(keys[0])
	if !strings.HasPrefix(key, "parley:cache:{") || !strings.HasSuffix(key, "}") || strings.Contains(key, "alice") {
		t.Errorf("key %q", key)
	}
	if ttl, _ := server.Do("PTTL", key).(int64); ttl <= 0 || ttl > time.Hour.Milliseconds() {
		t.Errorf("%s goes in %d ms", key, ttl)
	}
	t.Logf("%s takes %v bytes", key, server.Do("MEMORY", "USAGE", key))
	server.Do("CONFIG", "SET", "maxmemory", "1")
	if err := e.Keep(t.Context(), "more", []byte("x"), time.Hour); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("full: %v", err)
	}
	if got, err := e.Recall(t.Context(), "none", "generation/person/alice"); err != nil || string(got[1]) != "word" {
		t.Errorf("what was kept is read: %q, %v", got, err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	server.Do("DEL", key)
	server.Do("HSET", key, "a", "b")
	if _, err := e.Recall(t.Context(), "none", "generation/person/alice"); err == nil {
		t.Error("what is no value was read")
	}
	server.Kill()
	_, err := e.Recall(t.Context(), "a")
	if fault.ClassOf(err) != fault.Retryable || fault.ClassOf(e.Keep(t.Context(), "a", nil, time.Hour)) != fault.Retryable {
		t.Errorf("away: %v", err)
	}
}

// BenchmarkCache is what a hit costs: the generations of a request, and its answer of 2 kB.
func BenchmarkCache(b *testing.B) {
	e := openLimits(b, redistest.Start(b).URL(), "p")
	keys := []string{"generation/account/a", "generation/person/b", "generation/skill/c", "generation/version/d"}
	for _, key := range keys {
		if err := e.Keep(b.Context(), key, []byte("word"), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Keep(b.Context(), "answer", make([]byte, 2048), time.Hour); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := e.Recall(b.Context(), keys...); err != nil {
			b.Fatal(err)
		}
		if got, err := e.Recall(b.Context(), "answer"); err != nil || len(got[0]) != 2048 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(e.Redis().MemoryUsage(b.Context(), e.CacheKey("answer")).Val()), "redis-B")
}
