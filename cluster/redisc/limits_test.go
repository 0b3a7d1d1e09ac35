package redisc_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

func TestLimits(t *testing.T) {
	limits(t, redistest.Start(t).URL())
}

func TestLimitsOnCluster(t *testing.T) {
	limits(t, redistest.ClusterURL(redistest.StartCluster(t)))
}

func TestLimitsBehindSentinel(t *testing.T) {
	limits(t, redistest.StartSentinels(t).URL())
}

func limits(t *testing.T, url string) {
	t.Helper()
	n := 0
	e := openLimits(t, url, "probe")
	clustertest.Limits(t, func(t *testing.T, f func(*testing.T, clustertest.LimitsWorld)) {
		// Two nodes, and every call is made by the other one.
		n++
		prefix := fmt.Sprint("limits", n)
		c := &clock{t: t, rdb: e.Redis(), prefix: prefix}
		nodes := &turns{nodes: [2]cluster.Limits{e.As(prefix), e.As(prefix)}}
		f(t, clustertest.LimitsWorld{Limits: nodes, Now: c.now, Elapse: c.elapse})
	})
}

func openLimits(t testing.TB, url, prefix string) *redisc.Engine {
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

// turns lets two nodes make a call in turn.
type turns struct {
	nodes [2]cluster.Limits
	calls int
}

func (n *turns) node() cluster.Limits {
	n.calls++
	return n.nodes[n.calls%2]
}

func (n *turns) Reserve(ctx context.Context, c cluster.Call) (time.Duration, error) {
	return n.node().Reserve(ctx, c)
}

func (n *turns) Allow(ctx context.Context, c cluster.Call) (bool, error) {
	return n.node().Allow(ctx, c)
}

func (n *turns) Obey(ctx context.Context, c cluster.Call, scope fault.Scope, wait time.Duration) error {
	return n.node().Obey(ctx, c, scope, wait)
}

// clock is the time of Redis, and moves on by making all that was stored older.
type clock struct {
	t      *testing.T
	rdb    redis.UniversalClient
	prefix string
	ahead  time.Duration
}

func (c *clock) now() time.Time {
	at, err := c.rdb.Time(context.Background()).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	return at.Add(c.ahead)
}

// older takes ARGV[2] microseconds off each time of the keys, and off what is left of
// their lives.
const older = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if all[i] ~= 'told' then
      redis.call('HSET', key, all[i], string.format('%.0f', tonumber(all[i + 1]) - ARGV[2]))
    end
  end
  redis.call('PEXPIREAT', key, math.ceil(redis.call('PEXPIRETIME', key) - ARGV[2] / 1000))
end
return 0`

func (c *clock) elapse(d time.Duration) {
	one := func(ctx context.Context, s *redis.Client) error {
		return s.Eval(ctx, older, nil, c.prefix+":*", d.Microseconds()).Err()
	}
	ctx := context.Background()
	var err error
	switch rdb := c.rdb.(type) {
	case *redis.ClusterClient:
		err = rdb.ForEachMaster(ctx, one)
	case *redis.Client:
		err = one(ctx, rdb)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.ahead += d.Truncate(time.Microsecond)
}

var slow = cluster.Call{
	Account: "a", Chat: "1", Method: "send",
	OfAccount: cluster.Rate{Every: time.Hour, Burst: 2}, OfChat: cluster.Rate{Every: time.Minute, Burst: 1},
}

// TestLimitsLast: no key goes before what it says is over, not by a millisecond.
func TestLimitsLast(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	for i := range 100 {
		c := slow
		c.Chat = core.ChatID(fmt.Sprint(i))
		c.OfAccount = cluster.Rate{}
		if _, err := e.Reserve(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		key := e.ChatLimitKey(c)
		full, err := e.Redis().HGet(t.Context(), key, "full").Int64()
		if err != nil {
			t.Fatal(err)
		}
		gone := e.Redis().PExpireTime(t.Context(), key).Val()
		if early := time.Duration(full)*time.Microsecond - gone; early > 0 {
			t.Errorf("chat %d is forgotten %v early", i, early)
		}
	}
}

// TestLimitsForget: every key has an end, and goes when it says nothing any more.
func TestLimitsForget(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	ctx := t.Context()
	c := &clock{t: t, rdb: e.Redis(), prefix: "p"}
	keys := func() map[string]time.Duration {
		t.Helper()
		names, err := e.Redis().Keys(ctx, "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		lives := map[string]time.Duration{}
		for _, name := range names {
			if lives[name] = e.Redis().PTTL(ctx, name).Val(); lives[name] <= 0 {
				t.Errorf("%s never ends: %v", name, lives[name])
			}
		}
		return lives
	}
	say := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	free := slow
	free.OfAccount, free.OfChat = cluster.Rate{}, cluster.Rate{}
	_, err := e.Reserve(ctx, free)
	say("a call without rates", err)
	if left := keys(); len(left) != 0 {
		t.Errorf("a call without rates left %v", left)
	}
	for range 2 {
		_, err = e.Reserve(ctx, slow)
		say("Reserve", err)
	}
	_, err = e.Allow(ctx, slow)
	say("Allow", err)
	if n := len(keys()); n != 2 {
		t.Errorf("%d keys, want one of the account and one of the chat", n)
	}
	for i, scope := range []fault.Scope{fault.ScopeChat, fault.ScopeMethod, fault.ScopeAccount, fault.ScopeUnknown, fault.ScopeUnknown} {
		other := slow
		other.Chat = core.ChatID(fmt.Sprint("chat", i))
		say("Obey", e.Obey(ctx, other, scope, 2*time.Hour))
	}
	if n := len(keys()); n < 4 {
		t.Errorf("%d keys after waits were told", n)
	}
	c.elapse(2*time.Hour + time.Minute)
	if left := keys(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLimitsRedisAway: without Redis nobody knows, at once. What the platform told
// meanwhile holds as soon as Redis is back, on all nodes, before a call of this one.
func TestLimitsRedisAway(t *testing.T) {
	s := redistest.Start(t)
	e, other := openLimits(t, s.URL(), "p"), openLimits(t, s.URL(), "p")
	ctx := t.Context()
	s.Kill()
	fails := func(what string, err error) {
		t.Helper()
		if fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := e.Reserve(ctx, slow)
	fails("Reserve", err)
	ok, err := e.Allow(ctx, slow)
	fails("Allow", err)
	if ok {
		t.Error("Allow said yes")
	}
	fails("Obey", e.Obey(ctx, slow, fault.ScopeAccount, time.Hour))
	_, err = e.Reserve(ctx, slow)
	fails("Reserve after a wait was told", err)
	s.Restart()
	third := slow
	third.Chat = "2"
	for i, node := range []*redisc.Engine{e, other} {
		var wait time.Duration
		redistest.WaitFor(t, "Redis is back", func() (err error) {
			wait, err = node.Reserve(ctx, third)
			return err
		})
		if wait == 0 || wait > time.Hour {
			t.Errorf("node %d waits %v of an hour", i, wait)
		}
	}
}

// TestLimitsFull: a Redis whose memory is full goes on letting out what was accepted.
func TestLimitsFull(t *testing.T) {
	s := redistest.Start(t)
	e := openLimits(t, s.URL(), "p")
	if err := e.Redis().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := e.Redis().Set(t.Context(), "x", "y", 0).Err(); err == nil {
		t.Fatal("the memory is not full")
	}
	if wait, err := e.Reserve(t.Context(), slow); err != nil || wait != 0 {
		t.Errorf("Reserve: %v, %v", wait, err)
	}
	fresh := slow
	fresh.Chat, fresh.OfAccount = "2", cluster.Rate{}
	if ok, err := e.Allow(t.Context(), fresh); err != nil || !ok {
		t.Errorf("Allow: %v, %v", ok, err)
	}
	if err := e.Obey(t.Context(), slow, fault.ScopeChat, time.Minute); err != nil {
		t.Errorf("Obey: %v", err)
	}
}

// TestLimitsScriptsFlushed: a server that forgot the scripts is told them again.
func TestLimitsScriptsFlushed(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	for range 2 {
		if _, err := e.Reserve(t.Context(), slow); err != nil {
			t.Fatal(err)
		}
		if err := e.Redis().ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
