package redisc_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/test/redistest"
)

func TestLoads(t *testing.T) { loads(t, redistest.Start(t).URL()) }

func TestLoadsOnCluster(t *testing.T) { loads(t, redistest.ClusterURL(redistest.StartCluster(t))) }

func TestLoadsBehindSentinel(t *testing.T) { loads(t, redistest.StartSentinels(t).URL()) }

func loads(t *testing.T, url string) {
	t.Helper()
	e := openLimits(t, url, "probe")
	n := 0
	clustertest.Loads(t, func(t *testing.T) clustertest.LoadsWorld {
		n++
		prefix := fmt.Sprint("loads", n)
		w := clustertest.LoadsWorld{Elapse: func(d time.Duration) { olderLoads(t, e, prefix, d) }}
		for _, node := range []string{"x", "y", "z"} {
			w.Nodes = append(w.Nodes, e.AsNode(prefix, node))
		}
		return w
	})
}

// olderLoads takes d off each time that was stored; what is left of the key's life is
// another test's.
func olderLoads(t *testing.T, e *redisc.Engine, prefix string, d time.Duration) {
	t.Helper()
	key, ctx := prefix+":{loads}", t.Context()
	all, err := e.Redis().HGetAll(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	for node, value := range all {
		var at int64
		var counts string
		if _, err := fmt.Sscanf(value, "%d ", &at); err != nil {
			t.Fatal(err)
		}
		counts = value[len(fmt.Sprint(at)):]
		if err := e.Redis().HSet(ctx, key, node, fmt.Sprint(at-d.Microseconds())+counts).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoadsEnd: what a dead node left goes, and a cluster with nothing under way keeps
// nothing.
func TestLoadsEnd(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	ctx := t.Context()
	left := func() []string {
		names, err := e.Redis().Keys(ctx, "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	x, y := e.AsNode("p", "x"), e.AsNode("p", "y")
	if _, err := x.ShareLoads(ctx, map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	for _, name := range left() {
		if ends := e.Redis().PTTL(ctx, name).Val(); ends <= 0 || ends > cluster.LoadGoneAfter {
			t.Errorf("%s ends in %v", name, ends)
		}
	}
	olderLoads(t, e, "p", cluster.LoadGoneAfter)
	if _, err := y.ShareLoads(ctx, nil); err != nil || len(left()) != 0 {
		t.Errorf("%v, %q is left", err, left())
	}
}

// TestLoadsOfAnotherVersion: what cannot be read is passed over.
func TestLoadsOfAnotherVersion(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	ctx := t.Context()
	if _, err := e.AsNode("p", "x").ShareLoads(ctx, map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	now := e.Redis().Time(ctx).Val().UnixMicro()
	for node, value := range map[string]string{
		"list": fmt.Sprint(now, " [1]"), "minus": fmt.Sprint(now, ` {"a":-4}`), "words": "what", "empty": "", "text": fmt.Sprint(now, ` {"a":"1"}`),
	} {
		if err := e.Redis().HSet(ctx, "p:{loads}", node, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.ShareLoads(ctx, nil); err != nil || !maps.Equal(got, map[string]int{"a": 1}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLoadsRedisAway(t *testing.T) {
	s := redistest.Start(t)
	e := openLimits(t, s.URL(), "p")
	s.Kill()
	if _, err := e.ShareLoads(t.Context(), map[string]int{"a": 1}); fault.ClassOf(err) != fault.Retryable {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.ShareLoads(ended, nil); err == nil {
		t.Error("a call whose context ended is in order")
	}
}

// BenchmarkShareLoads is one of three nodes, each with sixteen busy workers.
func BenchmarkShareLoads(b *testing.B) {
	e := openLimits(b, redistest.Start(b).URL(), "p")
	own := map[string]int{}
	for i := range 16 {
		own[fmt.Sprintf("chat/10.0.0.%d:8000", i)] = i + 1
	}
	nodes := []*redisc.Engine{e.AsNode("p", "x"), e.AsNode("p", "y"), e.AsNode("p", "z")}
	share := func(n int) {
		if _, err := nodes[n%3].ShareLoads(b.Context(), own); err != nil {
			b.Fatal(err)
		}
	}
	for n := range 3 {
		share(n)
	}
	before := serverNumber(b, e.Redis(), "commandstats", 2)
	calls := serverNumber(b, e.Redis(), "commandstats", 1)
	n := 0
	for b.Loop() {
		n++
		share(n)
	}
	b.ReportMetric((serverNumber(b, e.Redis(), "commandstats", 1)-calls)/float64(n), "calls/op")
	b.ReportMetric((serverNumber(b, e.Redis(), "commandstats", 2)-before)/float64(n), "redis-µs/op")
	b.ReportMetric(float64(e.Redis().MemoryUsage(b.Context(), "p:{loads}").Val()), "redis-B")
}

// serverNumber is one of the numbers of EVALSHA that the server counts.
func serverNumber(b *testing.B, rdb redis.UniversalClient, section string, group int) float64 {
	b.Helper()
	text, err := rdb.Info(b.Context(), section).Result()
	if err != nil {
		b.Fatal(err)
	}
	var n float64
	if found := evalCalls.FindStringSubmatch(text); found != nil {
		if _, err := fmt.Sscan(found[group], &n); err != nil {
			b.Fatal(err)
		}
	}
	return n
}
