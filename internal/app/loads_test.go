package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// board is where nodes tell each other, without any delay.
type board struct {
	mu   sync.Mutex
	told map[string]map[string]int
	away bool
	hang bool
}

// seat is a node at it.
type seat struct {
	*board
	node string
}

func (s seat) ShareLoads(ctx context.Context, own map[string]int) (map[string]int, error) {
	if s.hangs() {
		<-ctx.Done()
		return nil, fault.New(fault.Retryable, "share loads", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, fault.New(fault.Retryable, "share loads", errors.New("away"))
	}
	s.told[s.node] = maps.Clone(own)
	sum := map[string]int{}
	for node, counts := range s.told {
		for worker, n := range counts {
			if node != s.node {
				sum[worker] += n
			}
		}
	}
	return sum, cluster.CheckLoads(own)
}

func (b *board) hangs() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hang
}

func (b *board) set(away, hang bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away, b.hang = away, hang
}

type fixed map[string]int

func (f fixed) Loads() map[string]int { return f }

func (b *board) node(name, host string, pools map[string]busy) *loads {
	l := newLoads(seat{b, name}, func() map[string]busy { return pools }, zerolog.Nop())
	l.host = host
	return l
}

func TestLoadsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{told: map[string]map[string]int{}}
		local := fixed{"gpu-a:8000": 3, "127.0.0.1:8080": 2, "localhost:1/x": 4, "[::1]:5": 5, "idle:1": 0}
		x := b.node("x", "m1", map[string]busy{"chat": local, "other": fixed{"gpu-a:8000": 9}})
		same := b.node("y", "m1", map[string]busy{"chat": fixed{}})
		far := b.node("z", "m2", map[string]busy{"chat": fixed{"gpu-a:8000": 1}})
		if n := far.elsewhere("chat")("gpu-a:8000"); n != 0 {
			t.Errorf("%d elsewhere before anything was heard", n)
		}
		seen := map[*loads]map[string]func(string) int{}
		for _, l := range []*loads{x, same, far} {
			seen[l] = map[string]func(string) int{}
			for _, pool := range []string{"chat", "other", "none"} {
				seen[l][pool] = l.elsewhere(pool)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, l := range []*loads{x, same, far} {
			running.Go(func() {
				if err := l.run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(loadsEvery + time.Millisecond)
		for _, c := range []struct {
			at     *loads
			pool   string
			worker string
			want   int
		}{
			{far, "chat", "gpu-a:8000", 3}, {far, "other", "gpu-a:8000", 9}, {far, "none", "gpu-a:8000", 0}, {x, "chat", "gpu-a:8000", 1},
			{far, "chat", "127.0.0.1:8080", 0}, {far, "chat", "[::1]:5", 0}, {far, "chat", "idle:1", 0},
			{same, "chat", "127.0.0.1:8080", 2}, {same, "chat", "localhost:1/x", 4}, {same, "chat", "[::1]:5", 5}, {same, "chat", "gpu-a:8000", 4},
		} {
			if n := seen[c.at][c.pool](c.worker); n != c.want {
				t.Errorf("%s %s: %d elsewhere, want %d", c.pool, c.worker, n, c.want)
			}
		}
		cancel()
		running.Wait()
		for node, left := range b.told {
			if len(left) != 0 {
				t.Errorf("%s left with %v under way", node, left)
			}
		}
	})
}

// TestLoadsFade: what was told weighs less and less while nobody answers, fast or slowly.
func TestLoadsFade(t *testing.T) {
	for _, hang := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := &board{told: map[string]map[string]int{"x": {"chat/a:1": 5}}}
			l := b.node("y", "m", map[string]busy{})
			elsewhere := l.elsewhere("chat")
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = l.run(ctx) }()
			synctest.Wait()
			b.set(!hang, hang)
			want := func(n int) {
				t.Helper()
				if got := elsewhere("a:1"); got != n {
					t.Errorf("%d, want %d", got, n)
				}
			}
			want(5)
			time.Sleep(cluster.LoadHalfAfter + loadsEvery + loadsTimeout)
			want(3)
			time.Sleep(cluster.LoadGoneAfter - cluster.LoadHalfAfter + loadsEvery + loadsTimeout)
			want(0)
			b.set(false, false)
			time.Sleep(loadsEvery + loadsTimeout)
			want(5)
			cancel()
			<-ended
		})
	}
}

func TestLoadsAreBounded(t *testing.T) {
	many := fixed{string(make([]byte, cluster.MaxLoadName)): 1}
	for i := range cluster.MaxLoads + 10 {
		many[time.Duration(i).String()] = 1
	}
	b := &board{told: map[string]map[string]int{}}
	own := b.node("x", "m", map[string]busy{"chat": many}).own()
	if err := cluster.CheckLoads(own); err != nil || len(own) != cluster.MaxLoads {
		t.Errorf("%d, %v", len(own), err)
	}
}

func BenchmarkElsewhere16(b *testing.B) {
	l := (&board{}).node("x", "m", nil)
	told := map[string]int{}
	var names []string
	for i := range 16 {
		name := "gpu-" + time.Duration(i).String() + ":8000"
		names, told["chat/"+name] = append(names, name), i+1
	}
	elsewhere := l.elsewhere("chat")
	l.publish(told, 2)
	b.ReportAllocs()
	for b.Loop() {
		for _, name := range names {
			elsewhere(name)
		}
	}
}
