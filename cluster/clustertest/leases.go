package clustertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// LeasesHarness makes what Leases tests.
type LeasesHarness struct {
	// Open gives two nodes of a new cluster; the same twice where it has only one.
	Open func(t *testing.T) (a, b cluster.Leases)
	// Silence makes a node stop keeping its leases, as if it stood still; nil where no
	// lease is ever lost.
	Silence func(cluster.Leases)
}

// Leases holds an engine to cluster.Leases.
func Leases(t *testing.T, h LeasesHarness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, LeasesHarness){
		"one holder": oneHolder, "handed over": handedOver, "tokens grow": tokensGrow, "state": state, "names": names,
		"the wait ends": waitEnds, "many takers": manyTakers, "left to others": leftToOthers,
	} {
		t.Run(name, func(t *testing.T) { test(t, h) })
	}
	if h.Silence != nil {
		t.Run("lost", func(t *testing.T) { lost(t, h) })
		t.Run("a stale holder", func(t *testing.T) { staleHolder(t, h) })
	}
}

// try takes a lease that must be free.
func try(t *testing.T, l cluster.Leases, name string) cluster.Lease {
	t.Helper()
	lease, err := l.Try(t.Context(), name)
	if err != nil {
		t.Fatalf("take %s: %v", name, err)
	}
	t.Cleanup(func() { release(t, lease) })
	return lease
}

func release(t *testing.T, l cluster.Lease) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Release(ctx); err != nil {
		t.Errorf("release: %v", err)
	}
}

// taken is what Take brings.
type taken struct {
	lease cluster.Lease
	err   error
}

// take waits for the lease "one" in the background; standby is closed once it has to.
func take(ctx context.Context, l cluster.Leases) (got <-chan taken, standby <-chan struct{}) {
	out, told := make(chan taken, 1), make(chan struct{})
	go func() {
		lease, err := cluster.Take(ctx, l, "one", cluster.Waiting{Standby: func() func(string) {
			var once sync.Once
			return func(string) { once.Do(func() { close(told) }) }
		}()})
		out <- taken{lease, err}
	}()
	return out, told
}

func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: not in time", what)
		panic("not reached")
	}
}

func oneHolder(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	lease := try(t, a, "one")
	if !lease.Valid() || lease.Name() != "one" {
		t.Errorf("%s is valid: %v", lease.Name(), lease.Valid())
	}
	for who, node := range map[string]cluster.Leases{"the node itself": a, "another": b} {
		_, err := node.Try(t.Context(), "one")
		var held *cluster.HeldError
		if !errors.As(err, &held) || held.By == "" || held.For <= 0 || fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s: %v, want that it is held", who, err)
		}
	}
	try(t, b, "other")
}

func handedOver(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	first := try(t, a, "one")
	got, standby := take(t.Context(), b)
	await(t, "standing by", standby)
	release(t, first)
	if first.Valid() {
		t.Error("a lease that was given back is valid")
	}
	await(t, "told that it is given back", first.Lost())
	second := await(t, "handed over", got)
	if second.err != nil || !second.lease.Valid() {
		t.Fatalf("taken: %v", second.err)
	}
	release(t, first) // again, and too late
	if _, err := a.Try(t.Context(), "one"); err == nil || !second.lease.Valid() {
		t.Errorf("releasing it again took it from the next: %v", err)
	}
	release(t, second.lease)
}

func tokensGrow(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	last := int64(0)
	for i := range 6 {
		lease := try(t, []cluster.Leases{a, b}[i%2], "one")
		if lease.Token() <= last {
			t.Errorf("token %d after %d", lease.Token(), last)
		}
		last = lease.Token()
		release(t, lease)
	}
}

func state(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	first := try(t, a, "one")
	if got := first.State(); len(got) != 0 {
		t.Errorf("a new lease holds %q", got)
	}
	large := bytes.Repeat([]byte{0, 255}, cluster.MaxState/2)
	for _, s := range [][]byte{[]byte("a"), large} {
		if err := first.Save(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Save(t.Context(), append(large, 1)); fault.ClassOf(err) != fault.Bug {
		t.Errorf("saved too much: %v", err)
	}
	if !bytes.Equal(first.State(), large) {
		t.Error("the holder does not see what it saved")
	}
	release(t, first)
	if err := first.Save(t.Context(), []byte("late")); !errors.Is(err, cluster.ErrLost) {
		t.Errorf("saved after it was given back: %v", err)
	}
	if second := try(t, b, "one"); !bytes.Equal(second.State(), large) {
		t.Errorf("the next holder gets %d bytes", len(second.State()))
	}
	if got := try(t, b, "other").State(); len(got) != 0 {
		t.Errorf("another name holds %d bytes", len(got))
	}
}

func names(t *testing.T, h LeasesHarness) {
	a, _ := h.Open(t)
	for _, name := range []string{"", "a{b", "a}b", strings.Repeat("x", cluster.MaxName+1)} {
		if _, err := a.Try(t.Context(), name); fault.ClassOf(err) != fault.Bug {
			t.Errorf("%q: %v", name, err)
		}
	}
	try(t, a, "account ü/shard 1/2")
}

func waitEnds(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	try(t, a, "one")
	ctx, cancel := context.WithCancel(t.Context())
	got, standby := take(ctx, b)
	await(t, "standing by", standby)
	cancel()
	if end := await(t, "the end", got); !errors.Is(end.err, context.Canceled) {
		t.Errorf("ended with %v", end.err)
	}
}

// manyTakers: whoever holds it is alone, and all have their turn.
func manyTakers(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	var inside, turns atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			lease, err := cluster.Take(t.Context(), []cluster.Leases{a, b}[i%2], "one", cluster.Waiting{})
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d hold it", n)
			}
			turns.Add(1)
			inside.Add(-1)
			release(t, lease)
		})
	}
	all.Wait()
	if turns.Load() != 8 {
		t.Errorf("%d had their turn", turns.Load())
	}
}

// leftToOthers: who leaves a lease to others takes it when they do not.
func leftToOthers(t *testing.T, h LeasesHarness) {
	a, _ := h.Open(t)
	asked := 0
	lease, err := cluster.Take(t.Context(), a, "one", cluster.Waiting{Leave: func() time.Duration {
		asked++
		return time.Millisecond
	}})
	if err != nil || asked != 1 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	release(t, lease)
}

// lost: who falls silent loses what it holds, and knows it by itself.
func lost(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	first := try(t, a, "one")
	got, standby := take(t.Context(), b)
	await(t, "standing by", standby)
	h.Silence(a)
	second := await(t, "handed over", got)
	if second.err != nil {
		t.Fatal(second.err)
	}
	if first.Valid() {
		t.Error("two nodes hold it")
	}
	await(t, "told that it is lost", first.Lost())
	if second.lease.Token() <= first.Token() {
		t.Errorf("token %d after %d", second.lease.Token(), first.Token())
	}
	release(t, second.lease)
}

// staleHolder: who lost a lease neither saves nor gives back.
func staleHolder(t *testing.T, h LeasesHarness) {
	a, b := h.Open(t)
	first := try(t, a, "one")
	if err := first.Save(t.Context(), []byte("first")); err != nil {
		t.Fatal(err)
	}
	h.Silence(a)
	var second cluster.Lease
	got, _ := take(t.Context(), b)
	if end := await(t, "handed over", got); end.err != nil {
		t.Fatal(end.err)
	} else {
		second = end.lease
	}
	if err := first.Save(t.Context(), []byte("stale")); !errors.Is(err, cluster.ErrLost) {
		t.Errorf("a stale holder saved: %v", err)
	}
	release(t, first)
	if _, err := b.Try(t.Context(), "one"); err == nil || !second.Valid() {
		t.Errorf("a stale holder gave it back: %v", err)
	}
	release(t, second)
	if third := try(t, b, "one"); string(third.State()) != "first" {
		t.Errorf("the state is %q", third.State())
	}
}

// namesOf is for messages.
func namesOf(all []cluster.Member) string {
	var out []string
	for _, m := range all {
		out = append(out, fmt.Sprintf("%s %v", m.ID, m.Holds))
	}
	return strings.Join(out, ", ")
}
