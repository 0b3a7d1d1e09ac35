package redisc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

var prefixes atomic.Int64

// freshPrefix is a cluster that nobody used.
func freshPrefix() string { return fmt.Sprint("t", prefixes.Add(1)) }

// short is a lease that tests can wait for.
const short = 500 * time.Millisecond

// open opens a node that is closed with the test at the latest.
func open(t testing.TB, o redisc.Options) *redisc.Engine {
	t.Helper()
	e, err := redisc.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() }) // a test may have closed it
	return e
}

// pair opens two nodes of a new cluster.
func pair(t testing.TB, url string) (a, b *redisc.Engine) {
	t.Helper()
	o := redisc.Options{URL: secret.New(url), Prefix: freshPrefix(), Lease: short, Node: "a"}
	a = open(t, o)
	o.Node = "b"
	return a, open(t, o)
}

// forms runs a test on each form of Redis.
func forms(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) string{
		"single":   func(t *testing.T) string { t.Helper(); return redistest.Start(t).URL() },
		"cluster":  func(t *testing.T) string { t.Helper(); return redistest.ClusterURL(redistest.StartCluster(t)) },
		"sentinel": func(t *testing.T) string { t.Helper(); return redistest.StartSentinels(t).URL() },
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func TestLeases(t *testing.T) {
	forms(t, func(t *testing.T, url string) {
		clustertest.Leases(t, clustertest.LeasesHarness{
			Open: func(t *testing.T) (cluster.Leases, cluster.Leases) {
				t.Helper()
				return pair(t, url)
			},
			Silence: func(l cluster.Leases) { l.(*redisc.Engine).Silence() },
		})
	})
}

func TestMembers(t *testing.T) {
	forms(t, func(t *testing.T, url string) {
		clustertest.Members(t, func(t *testing.T) (cluster.Members, cluster.Members) {
			t.Helper()
			return pair(t, url)
		})
	})
}

// A process that was stopped sees at its first look that its lease may be over, before
// any timer fired.
func TestPausedNodeSeesItFirst(t *testing.T) {
	a, _ := pair(t, redistest.Start(t).URL())
	lease, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	redisc.Pass(lease)
	if lease.Valid() {
		t.Error("a lease whose time has passed is valid")
	}
	if err := lease.Save(t.Context(), []byte("late")); !errors.Is(err, cluster.ErrLost) {
		t.Errorf("it saves: %v", err)
	}
}

// A lease is kept for much longer than it would be without beats, through cut
// connections too; and another has it soon after the holder cannot reach Redis.
func TestHolderIsCutOff(t *testing.T) {
	s := redistest.Start(t)
	p := redistest.StartProxy(t, s.Addr())
	o := redisc.Options{URL: secret.New("redis://" + p.Addr()), Prefix: freshPrefix(), Lease: short}
	a := open(t, o)
	o.URL = secret.New(s.URL())
	b := open(t, o)
	first, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	second, err := cluster.Take(ctx, b, "one", cluster.Waiting{Standby: func(string) {
		switch tries++; {
		case tries < 5: // each try comes when the lease would have been over without a beat
			p.Cut()
		case tries == 5:
			if !first.Valid() {
				t.Error("it was lost by cut connections")
				cancel()
			}
			p.Refuse()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if first.Valid() || !second.Valid() {
		t.Errorf("valid: first %v, second %v", first.Valid(), second.Valid())
	}
}

// A hint that is lost costs the wait until the lease is over, no more.
func TestHintIsLost(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "mute", "on", ">pw", "~*", "resetchannels", "+@all", "-publish")
	o := redisc.Options{URL: secret.New("redis://mute:pw@" + s.Addr()), Prefix: freshPrefix(), Lease: short}
	a, b := open(t, o), open(t, o)
	first, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	second, err := cluster.Take(t.Context(), b, "one", cluster.Waiting{Standby: func(string) {
		if err := first.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}})
	if err != nil || !second.Valid() {
		t.Fatal(err)
	}
}

// While Redis stands still, calls fail in time as Retryable, and nobody believes to
// hold anything for longer than is certain.
func TestRedisStandsStill(t *testing.T) {
	s := redistest.Start(t)
	o := redisc.Options{URL: secret.New(s.URL()), Prefix: freshPrefix(), Lease: short, Timeout: short}
	a := open(t, o)
	lease, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGSTOP)
	<-lease.Lost()
	for what, err := range map[string]error{
		"try":    func() error { _, err := a.Try(t.Context(), "two"); return err }(),
		"member": func() error { _, err := a.Announce(t.Context(), cluster.Member{}); return err }(),
		"claim":  a.Claim(t.Context(), "x"),
	} {
		if fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.Signal(syscall.SIGCONT)
	if _, err := cluster.Take(t.Context(), a, "one", cluster.Waiting{}); err != nil {
		t.Error(err)
	}
}

// Closing a node gives back what it has.
func TestCloseGivesBack(t *testing.T) {
	a, b := pair(t, redistest.Start(t).URL())
	first, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if first.Valid() {
		t.Error("valid after the end")
	}
	if _, err := b.Try(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if _, err := a.Try(t.Context(), "two"); err == nil {
		t.Error("a closed node takes leases")
	}
}

// What a dead node leaves has an end: every key expires but whose cluster it is.
func TestEverythingExpires(t *testing.T) {
	s := redistest.Start(t)
	a, _ := pair(t, s.URL())
	lease, err := a.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Save(t.Context(), []byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := a.Announce(t.Context(), cluster.Member{}); err != nil {
		t.Error(err)
	}
	keys, _ := s.Do("KEYS", "*").([]any)
	if len(keys) != 4 {
		t.Errorf("keys %v", keys)
	}
	for _, key := range keys {
		if ms, _ := s.Do("PTTL", key).(int64); ms <= 0 {
			t.Errorf("%s stays", key)
		}
	}
}

func TestClaim(t *testing.T) {
	forms(t, func(t *testing.T, url string) {
		a, b := pair(t, url)
		for range 2 {
			if err := a.Claim(t.Context(), "records 1"); err != nil {
				t.Error(err)
			}
		}
		if err := b.Claim(t.Context(), "records 1"); err != nil {
			t.Error(err)
		}
		err := b.Claim(t.Context(), "records 2")
		if fault.ClassOf(err) != fault.NeedsHuman {
			t.Fatalf("two hubs on the same keys: %v", err)
		}
		for _, name := range []string{"records 1", "records 2"} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %s", err, name)
			}
		}
	})
}

// A clock that is wrong is seen by the node itself, and by the others from its next
// word on.
func TestSkew(t *testing.T) {
	a, b := pair(t, redistest.Start(t).URL())
	a.SetClock(func() time.Time { return time.Now().Add(-time.Minute) })
	skew := func(all []cluster.Member, err error) time.Duration {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(m cluster.Member) bool { return m.ID == a.Node() })
		return all[i].Skew
	}
	own := skew(a.Announce(t.Context(), cluster.Member{}))
	again := skew(a.Announce(t.Context(), cluster.Member{}))
	seen := skew(b.Members(t.Context()))
	for name, d := range map[string]time.Duration{"own": own, "again": again, "seen": seen} {
		if d.Round(10*time.Second) != time.Minute {
			t.Errorf("%s: its clock is off by %v", name, d)
		}
	}
}

// A user needs no more than docs/redis-protocol.md says.
func TestLeastRightsOfNodes(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "parley", "on", ">pw", "~*", "resetchannels", "&*", "-@all", "+info", "+evalsha", "+eval", "+time",
		"+hget", "+hset", "+hdel", "+hmget", "+pexpire", "+pexpireat", "+pexpiretime", "+unlink", "+zadd", "+zrange", "+zrangebyscore", "+zrem",
		"+hexists", "+hgetall", "+get", "+set", "+pttl", "+publish", "+subscribe", "+ping",
		"+rpush", "+lpop", "+lindex", "+lrange")
	url := "redis://parley:pw@" + s.Addr()
	open := func(t *testing.T) (*redisc.Engine, *redisc.Engine) {
		t.Helper()
		return pair(t, url)
	}
	clustertest.Leases(t, clustertest.LeasesHarness{
		Open:    func(t *testing.T) (cluster.Leases, cluster.Leases) { t.Helper(); return open(t) },
		Silence: func(l cluster.Leases) { l.(*redisc.Engine).Silence() },
	})
	clustertest.Members(t, func(t *testing.T) (cluster.Members, cluster.Members) { t.Helper(); return open(t) })
	clustertest.Addresses(t, func(t *testing.T) [2]cluster.Addresses {
		t.Helper()
		a, b := open(t)
		return [2]cluster.Addresses{a, b}
	})
	a, _ := open(t)
	for _, own := range []map[string]int{{"w": 1}, nil} {
		if _, err := a.ShareLoads(t.Context(), own); err != nil {
			t.Error(err)
		}
	}
	for _, scope := range []fault.Scope{fault.ScopeUnknown, fault.ScopeAccount} {
		if err := a.Obey(t.Context(), slow, scope, time.Second); err != nil {
			t.Error(err)
		}
	}
	waits := slow
	waits.Account = "free"
	for range 2 {
		if _, err := a.Reserve(t.Context(), waits); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Allow(t.Context(), waits); err != nil {
		t.Error(err)
	}
	if err := a.Claim(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if err := a.Keep(t.Context(), "x", []byte("y"), time.Hour); err != nil {
		t.Error(err)
	}
	if _, err := a.Recall(t.Context(), "x", "z"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if _, _, err := a.Append(t.Context(), "x", make([]byte, cluster.MaxSeriesEntry), time.Hour); err != nil {
			t.Error(err)
		}
	}
	if err := a.Since(t.Context(), "x", "", func(string, []byte, time.Duration) {}); err != nil {
		t.Error(err)
	}
	if refused, _ := s.Do("ACL", "LOG").([]any); len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
}
