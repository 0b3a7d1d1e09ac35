package redisc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

// noteNode opens an engine that ends with the test.
func noteNode(t *testing.T, url, prefix string) *redisc.Engine {
	t.Helper()
	e, err := redisc.Open(t.Context(), redisc.Options{URL: secret.New(url), Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestMemory(t *testing.T) {
	for form, start := range map[string]func(*testing.T) string{
		"server":   func(t *testing.T) string { return redistest.Start(t).URL() },
		"cluster":  func(t *testing.T) string { return redistest.ClusterURL(redistest.StartCluster(t)) },
		"sentinel": func(t *testing.T) string { return redistest.StartSentinels(t).URL() },
	} {
		t.Run(form, func(t *testing.T) {
			url, tests := start(t), 0
			clustertest.Memory(t, func(t *testing.T) (a, b cluster.Memory) {
				tests++
				prefix := fmt.Sprint("test", tests)
				return noteNode(t, url, prefix), noteNode(t, url, prefix)
			})
		})
	}
}

// TestNotesInRedis: no name can be read in a key, and every key goes by itself.
func TestNotesInRedis(t *testing.T) {
	server := redistest.Start(t)
	e := noteNode(t, server.URL(), "")
	n := core.Note{Account: "account", Kind: "chat", Key: "4915551234"}
	if err := e.Put(t.Context(), n, []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	n.Key = "marked"
	if _, _, err := e.Advance(t.Context(), n, core.Mark{Name: "m"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	keys, _ := server.Do("KEYS", "*").([]any)
	if len(keys) != 2 {
		t.Fatalf("keys %v", keys)
	}
	for _, k := range keys {
		key := fmt.Sprint(k)
		if !strings.HasPrefix(key, "parley:note:chat:{") || !strings.HasSuffix(key, "}") || strings.Contains(key, "4915551234") {
			t.Errorf("key %q", key)
		}
		if ttl, _ := server.Do("PTTL", key).(int64); ttl <= 0 || ttl > time.Hour.Milliseconds() {
			t.Errorf("%s goes in %d ms", key, ttl)
		}
		t.Logf("%s takes %v bytes", key, server.Do("MEMORY", "USAGE", key))
	}
	server.Do("SCRIPT", "FLUSH")
	if _, moved, err := e.Advance(t.Context(), n, core.Mark{Name: "m"}, time.Hour); moved || err != nil {
		t.Errorf("without its scripts: %v, %v", moved, err)
	}
}

// TestMemoryWithoutRedis: every call fails as Retryable, and works again when Redis does.
func TestMemoryWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	e := noteNode(t, server.URL(), "")
	n := core.Note{Account: "a", Kind: "k", Key: "k"}
	if err := e.Put(t.Context(), n, []byte("kept"), time.Hour); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), redistest.Patience)
	defer cancel()
	for name, try := range map[string]func() error{
		"put":     func() error { return e.Put(ctx, n, nil, time.Hour) },
		"get":     func() error { _, _, err := e.Get(ctx, n); return err },
		"delete":  func() error { return e.Delete(ctx, n) },
		"advance": func() error { _, _, err := e.Advance(ctx, n, core.Mark{}, time.Hour); return err },
	} {
		if err := try(); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) || ctx.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Restart()
	redistest.WaitFor(t, "the note is there", func() error {
		value, ok, err := e.Get(ctx, n)
		if err == nil && (!ok || string(value) != "kept") {
			t.Fatalf("%q, %v", value, ok)
		}
		return err
	})
}

func BenchmarkMemory(b *testing.B) {
	url := redistest.Start(b).URL()
	e, err := redisc.Open(b.Context(), redisc.Options{URL: secret.New(url)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	value := make([]byte, 200)
	var mu sync.Mutex
	serial := 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			serial++
			n := core.Note{Account: "a", Kind: "k", Key: fmt.Sprint(serial)}
			mu.Unlock()
			if err := e.Put(b.Context(), n, value, time.Hour); err != nil {
				b.Error(err)
			}
		}
	})
}
