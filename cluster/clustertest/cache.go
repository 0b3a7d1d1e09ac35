package clustertest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// CacheWorld is a new cluster that keeps nothing.
type CacheWorld struct {
	// A and B are two nodes.
	A, B cluster.Cache
	// Elapse lets that much time pass.
	Elapse func(time.Duration)
}

// Cache proves an implementation of cluster.Cache.
func Cache(t *testing.T, open func(t *testing.T) CacheWorld) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, CacheWorld){
		"what one keeps all have":              cacheShared,
		"the last value counts":                cacheReplaced,
		"many keys at once, in order":          cacheMany,
		"a value goes when its time is over":   cacheEnds,
		"any bytes, up to the limit":           cacheBytes,
		"what is none is refused":              cacheRefused,
		"what was kept is there for all calls": cacheAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (w CacheWorld) keep(t *testing.T, c cluster.Cache, key string, value []byte, ttl time.Duration) {
	t.Helper()
	if err := c.Keep(t.Context(), key, value, ttl); err != nil {
		t.Fatal(err)
	}
}

func (w CacheWorld) wants(t *testing.T, c cluster.Cache, keys []string, want ...[]byte) {
	t.Helper()
	got, err := c.Recall(t.Context(), keys...)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d values for %d keys, %v", len(got), len(keys), err)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) || (got[i] == nil) != (want[i] == nil) {
			t.Errorf("%q is %.40q, want %.40q", keys[i], got[i], want[i])
		}
	}
}

func cacheShared(t *testing.T, w CacheWorld) {
	w.wants(t, w.B, []string{"a"}, nil)
	w.keep(t, w.A, "a", []byte("1"), time.Hour)
	for _, c := range []cluster.Cache{w.A, w.B} {
		w.wants(t, c, []string{"a"}, []byte("1"))
	}
}

func cacheReplaced(t *testing.T, w CacheWorld) {
	w.keep(t, w.A, "a", []byte("long and kept for long"), 2*time.Hour)
	w.keep(t, w.B, "a", []byte{}, time.Hour)
	w.wants(t, w.A, []string{"a"}, []byte{})
	w.Elapse(time.Hour)
	w.wants(t, w.A, []string{"a"}, nil)
}

func cacheMany(t *testing.T, w CacheWorld) {
	var keys []string
	var want [][]byte
	for i := range 40 {
		keys, want = append(keys, fmt.Sprint("key ", i)), append(want, nil)
		if i%3 != 0 {
			want[i] = []byte(fmt.Sprint(i))
			w.keep(t, w.A, keys[i], want[i], time.Hour)
		}
	}
	keys, want = append(keys, keys[1]), append(want, want[1])
	w.wants(t, w.B, keys, want...)
	w.wants(t, w.B, nil)
}

func cacheEnds(t *testing.T, w CacheWorld) {
	w.keep(t, w.A, "short", []byte("1"), time.Minute)
	w.keep(t, w.A, "long", []byte("2"), cluster.MaxCachedLife)
	w.Elapse(time.Minute)
	w.wants(t, w.B, []string{"short", "long"}, nil, []byte("2"))
}

func cacheBytes(t *testing.T, w CacheWorld) {
	large := bytes.Repeat([]byte{0, 255, '\n', '{'}, cluster.MaxCached/4)
	key := strings.Repeat("ü", cluster.MaxCachedKey/2)
	w.keep(t, w.A, key, large, time.Hour)
	w.keep(t, w.A, "a{b}\n", large[:3], time.Hour)
	w.wants(t, w.B, []string{key, "a{b}\n", "a{b}"}, large, large[:3], nil)
}

func cacheRefused(t *testing.T, w CacheWorld) {
	for what, err := range map[string]error{
		"too much": w.A.Keep(t.Context(), "a", make([]byte, cluster.MaxCached+1), time.Hour), "no key": w.A.Keep(t.Context(), "", nil, time.Hour),
		"a long key": w.A.Keep(t.Context(), strings.Repeat("x", cluster.MaxCachedKey+1), nil, time.Hour),
		"no time":    w.A.Keep(t.Context(), "a", nil, 0), "all time": w.A.Keep(t.Context(), "a", nil, cluster.MaxCachedLife+1),
	} {
		if fault.ClassOf(err) != fault.Bug {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.A.Recall(t.Context(), "a", ""); fault.ClassOf(err) != fault.Bug {
		t.Errorf("no key: %v", err)
	}
}

func cacheAtOnce(t *testing.T, w CacheWorld) {
	var both sync.WaitGroup
	for i, c := range []cluster.Cache{w.A, w.B} {
		other := []cluster.Cache{w.B, w.A}[i]
		both.Go(func() {
			for n := range 50 {
				key, value := fmt.Sprint("node ", i), []byte(fmt.Sprint(n))
				if err := c.Keep(t.Context(), key, value, time.Hour); err != nil {
					t.Error(err)
					return
				}
				if got, err := other.Recall(t.Context(), key); err != nil || !bytes.Equal(got[0], value) {
					t.Errorf("%q behind %q, %v", got, value, err)
				}
			}
		})
	}
	both.Wait()
}
