package redisc_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/test/redistest"
)

func TestSeries(t *testing.T) { seriesOn(t, redistest.Start(t).URL()) }

func TestSeriesOnCluster(t *testing.T) {
	seriesOn(t, redistest.ClusterURL(redistest.StartCluster(t)))
}

func TestSeriesBehindSentinel(t *testing.T) { seriesOn(t, redistest.StartSentinels(t).URL()) }

func seriesOn(t *testing.T, url string) {
	t.Helper()
	tests := 0
	clustertest.Series(t, func(t *testing.T, test func(*testing.T, clustertest.SeriesWorld)) {
		tests++
		prefix := fmt.Sprint("test", tests)
		w := &seriesWorld{t: t, names: map[string]bool{}}
		test(t, clustertest.SeriesWorld{A: w.node(url, prefix), B: w.node(url, prefix), Elapse: w.elapse})
	})
}

// seriesWorld knows which series there are, to make them older.
type seriesWorld struct {
	t *testing.T

	mu    sync.Mutex
	any   *redisc.Engine
	names map[string]bool
}

type seriesNode struct {
	*redisc.Engine
	w *seriesWorld
}

func (w *seriesWorld) node(url, prefix string) seriesNode {
	w.any = noteNode(w.t, url, prefix)
	return seriesNode{w.any, w}
}

func (n seriesNode) Append(ctx context.Context, name string, value []byte, ttl time.Duration) (before, at string, err error) {
	n.w.mu.Lock()
	n.w.names[name] = true
	n.w.mu.Unlock()
	return n.Engine.Append(ctx, name, value, ttl)
}

// elapse takes d off the life of each entry, and of the series.
func (w *seriesWorld) elapse(d time.Duration) {
	w.t.Helper()
	for name := range w.names {
		at, ctx, rdb := w.any.SeriesKey(name), w.t.Context(), w.any.Redis()
		all, err := rdb.LRange(ctx, at, 0, -1).Result()
		if err != nil {
			w.t.Fatal(err)
		}
		left := rdb.PTTL(ctx, at).Val() - d
		if left <= 0 {
			if err := rdb.Del(ctx, at).Err(); err != nil {
				w.t.Fatal(err)
			}
			continue
		}
		for i, entry := range all {
			parts := strings.SplitN(entry, ",", 3)
			until, err := strconv.ParseInt(parts[1], 10, 64)
			if err != nil {
				w.t.Fatal(err)
			}
			parts[1] = fmt.Sprint(until - d.Milliseconds())
			if err := rdb.LSet(ctx, at, int64(i), strings.Join(parts, ",")).Err(); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := rdb.PExpire(ctx, at, left).Err(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestSeriesInRedis: nobody can be read in a key, every key expires with its last entry,
// one of another form is refused, and a Redis that has no room says so.
func TestSeriesInRedis(t *testing.T) {
	server := redistest.Start(t)
	e := noteNode(t, server.URL(), "")
	add := func(ttl time.Duration) error {
		_, _, err := e.Append(t.Context(), "similar/alice", []byte("value"), ttl)
		return err
	}
	for _, ttl := range []time.Duration{time.Hour, time.Minute} {
		if err := add(ttl); err != nil {
			t.Fatal(err)
		}
	}
	keys, _ := server.Do("KEYS", "*").([]any)
	if len(keys) != 1 {
		t.Fatalf("keys %v", keys)
	}
	key := fmt.Sprint(keys[0])
	if !strings.HasPrefix(key, "parley:series:{") || !strings.HasSuffix(key, "}") || strings.Contains(key, "alice") {
		t.Errorf("key %q", key)
	}
	if ttl, _ := server.Do("PTTL", key).(int64); ttl <= time.Minute.Milliseconds() || ttl > time.Hour.Milliseconds() {
		t.Errorf("%s goes in %d ms", key, ttl)
	}
	server.Do("SCRIPT", "FLUSH")
	read := func() (n int, err error) {
		err = e.Since(t.Context(), "similar/alice", "", func(string, []byte, time.Duration) { n++ })
		return n, err
	}
	server.Do("CONFIG", "SET", "maxmemory", "1")
	if err := add(time.Hour); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("full: %v", err)
	}
	if n, err := read(); n != 2 || err != nil {
		t.Errorf("what was kept is read: %d, %v", n, err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	server.Do("DEL", key)
	for _, odd := range [][]any{{"HSET", key, "a", "b"}, {"RPUSH", key, "nonsense"}, {"RPUSH", key, "1,soon,3,4"}} {
		server.Do(odd...)
		if _, err := read(); err == nil {
			t.Errorf("what is no series was read: %v", odd)
		}
		server.Do("DEL", key)
	}
	server.Kill()
	if _, err := read(); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("away: %v", err)
	}
	if err := add(time.Hour); fault.ClassOf(err) != fault.Retryable || fault.IsUnsure(err) {
		t.Errorf("away: %v", err)
	}
	server.Restart()
	e = noteNode(t, server.URL(), "again")
	redistest.WaitFor(t, "it is taken again", func() error { return add(time.Hour) })
}

// vectorBytes are those of a question's vector of 1024 numbers, as package models/cache
// tells of it.
const vectorBytes = 2113

// TestSeriesBehindFailover: who had read what a failover forgot reads what is left.
func TestSeriesBehindFailover(t *testing.T) {
	e := noteNode(t, redistest.Start(t).URL(), "")
	last := ""
	for i := range 3 {
		var err error
		if _, last, err = e.Append(t.Context(), "s", []byte{byte(i)}, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Redis().RPop(t.Context(), e.SeriesKey("s")).Err(); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := e.Since(t.Context(), "s", last, func(string, []byte, time.Duration) { n++ }); n != 2 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestSeriesBudget: what a question takes in Redis, alone in its series and among others.
func TestSeriesBudget(t *testing.T) {
	e := noteNode(t, redistest.Start(t).URL(), "")
	for _, budget := range []struct {
		entries int
		each    int64
	}{{1, 2900}, {20, 2600}, {cluster.MaxSeries, 2600}} {
		name := fmt.Sprint(budget.entries)
		for range budget.entries {
			if _, _, err := e.Append(t.Context(), name, make([]byte, vectorBytes), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		each := e.Redis().MemoryUsage(t.Context(), e.SeriesKey(name), 0).Val() / int64(budget.entries)
		t.Logf("%d entries of %d bytes take %d bytes each", budget.entries, vectorBytes, each)
		if each <= vectorBytes || each > budget.each {
			t.Errorf("%d bytes each of %d entries, budget %d", each, budget.entries, budget.each)
		}
	}
}

// BenchmarkSeriesAppend is what it costs to tell of a question, in a series that is full.
func BenchmarkSeriesAppend(b *testing.B) {
	benchSeries(b, func(e *redisc.Engine, _ string) {
		if _, _, err := e.Append(b.Context(), "s", make([]byte, vectorBytes), time.Hour); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSeriesSince is what a question costs that nobody asked before: nothing is new.
func BenchmarkSeriesSince(b *testing.B) {
	benchSeries(b, func(e *redisc.Engine, last string) { readSeries(b, e, last, 0) })
}

// BenchmarkSeriesSinceOne has one entry that is new.
func BenchmarkSeriesSinceOne(b *testing.B) {
	before := ""
	benchSeries(b, func(e *redisc.Engine, last string) {
		if before == "" {
			var err error
			if before, _, err = e.Append(b.Context(), "s", make([]byte, vectorBytes), time.Hour); err != nil {
				b.Fatal(err)
			}
		}
		readSeries(b, e, before, 1)
	})
}

// BenchmarkSeriesAll reads a full one, as the first question of a partition does behind a
// restart.
func BenchmarkSeriesAll(b *testing.B) {
	benchSeries(b, func(e *redisc.Engine, _ string) { readSeries(b, e, "", cluster.MaxSeries) })
}

func readSeries(b *testing.B, e *redisc.Engine, after string, want int) {
	b.Helper()
	n := 0
	err := e.Since(b.Context(), "s", after, func(string, []byte, time.Duration) { n++ })
	if err != nil || n != want {
		b.Fatalf("%d entries, want %d, %v", n, want, err)
	}
}

func benchSeries(b *testing.B, do func(e *redisc.Engine, last string)) {
	b.Helper()
	e := openLimits(b, redistest.Start(b).URL(), "p")
	last := ""
	for range cluster.MaxSeries {
		var err error
		if _, last, err = e.Append(b.Context(), "s", make([]byte, vectorBytes), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	memory := e.Redis().MemoryUsage(b.Context(), e.SeriesKey("s"), 0).Val()
	spent, calls := serverNumber(b, e.Redis(), "commandstats", 2), serverNumber(b, e.Redis(), "commandstats", 1)
	n := 0
	for b.Loop() {
		n++
		do(e, last)
	}
	b.ReportMetric((serverNumber(b, e.Redis(), "commandstats", 1)-calls)/float64(n), "calls/op")
	b.ReportMetric((serverNumber(b, e.Redis(), "commandstats", 2)-spent)/float64(n), "redis-µs/op")
	b.ReportMetric(float64(memory)/cluster.MaxSeries, "redis-B/entry")
}
