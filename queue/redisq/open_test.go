package redisq_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// refusedOpen opens an engine that must be refused with a class and words.
func refusedOpen(t *testing.T, o redisq.Options, class fault.Class, words ...string) {
	t.Helper()
	e, err := redisq.Open(t.Context(), o)
	if err == nil {
		_ = e.Close()
		t.Fatal("opened")
	}
	if fault.ClassOf(err) != class {
		t.Errorf("%v has class %v, want %v", err, fault.ClassOf(err), class)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestWrongURL(t *testing.T) {
	for url, words := range map[string]string{
		"localhost:6379":                          "begins with redis://",
		"http://:geheim@localhost":                "begins with redis://",
		"redis://:geheim@a,b":                     "several hosts",
		"redis://:geheim@:6379":                   "each host",
		"redis://host:99999":                      "each host",
		"redis://host/x":                          "number of the database",
		"redis://host/1/2":                        "number of the database",
		"redis://:geheim%zz@host":                 "escaped",
		"redis://:gehe#im@host":                   "escape",
		"redis+sentinel://:geheim@host":           "master's name",
		"redis+sentinel://host/main/x":            "number of the database",
		"redis+cluster://:geheim@host/1":          "database 0 only",
		"redis://host:6379/0?x=y":                 "no options",
		"redis+cluster://a:1,,b:2":                "each host",
		"rediss+sentinel://user:geheim@a:b/main":  "each host",
		"redis+sentinel://u:geheim@[::1]:0/main/": "each host",
	} {
		t.Run(url, func(t *testing.T) {
			refusedOpen(t, redisq.Options{URL: secret.New(url)}, fault.NeedsHuman, words)
		})
	}
	refusedOpen(t, redisq.Options{}, fault.Bug)
}

func TestRefusedServers(t *testing.T) {
	s := redistest.Start(t)
	o := redisq.Options{URL: secret.New(s.URL())}
	s.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	refusedOpen(t, o, fault.NeedsHuman, "allkeys-lru", "noeviction")
	s.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.Do("REPLICAOF", "127.0.0.1", "1")
	refusedOpen(t, o, fault.NeedsHuman, "replica")
	s.Do("REPLICAOF", "NO", "ONE")
	refusedOpen(t, redisq.Options{URL: secret.New(strings.Replace(s.URL(), "redis:", "redis+cluster:", 1))}, fault.NeedsHuman, "not a Cluster")
	s.Do("ACL", "SETUSER", "default", "resetpass", ">geheim")
	refusedOpen(t, redisq.Options{URL: secret.New("redis://:geheimer@" + s.Addr())}, fault.NeedsHuman, "password")
	refusedOpen(t, o, fault.NeedsHuman, "password")
	refusedOpen(t, redisq.Options{URL: secret.New("redis://127.0.0.1:" + strconv.Itoa(redistest.FreePort(t)))}, fault.Retryable, "cannot reach Redis")
	c := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	refusedOpen(t, redisq.Options{URL: secret.New(c.URL())}, fault.NeedsHuman, "redis+cluster://")
	refusedOpen(t, redisq.Options{URL: secret.New(strings.Replace(c.URL(), "redis:", "redis+cluster:", 1))}, fault.NeedsHuman, "never created")
}

// TestTooOld speaks to a server that says it is Redis 6: there is none to be had.
func TestTooOld(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				info := "redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n"
				for r := bufio.NewReader(c); ; {
					switch name, err := readCommand(r); {
					case err != nil:
						return
					case name == "info":
						fmt.Fprintf(c, "$%d\r\n%s\r\n", len(info), info)
					case name == "hello":
						fmt.Fprint(c, "-ERR unknown command\r\n")
					default:
						fmt.Fprint(c, "+OK\r\n")
					}
				}
			})
		}
	})
	refusedOpen(t, redisq.Options{URL: secret.New("redis://" + l.Addr().String())}, fault.NeedsHuman, "6.2.14", "7.0 or newer")
	_ = l.Close()
	wg.Wait()
}

// readCommand reads an array of bulk strings and gives the first in lower case.
func readCommand(r *bufio.Reader) (name string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.Trim(line, "*\r\n"))
	for i := 0; i < 2*n && err == nil; i++ {
		line, err = r.ReadString('\n')
		if i == 1 {
			name = strings.ToLower(strings.TrimSpace(line))
		}
	}
	return name, err
}

// A store keeps its form: what does not fit is refused and changes nothing.
func TestForeignStore(t *testing.T) {
	s := redistest.Start(t)
	o := redisq.Options{URL: secret.New(s.URL()), Prefix: "p", Shards: 4}
	e := open(t, o)
	accepted(t, e, inbox("ann"), item("a"))
	refusedOpen(t, redisq.Options{URL: o.URL, Prefix: "p", Shards: 5}, fault.NeedsHuman, "4 shards")
	again := open(t, redisq.Options{URL: o.URL, Prefix: "p"})
	if st, err := again.Stats(t.Context(), queue.Inbox); err != nil || st.Items != 1 {
		t.Errorf("stats: %+v, %v", st, err)
	}
	s.Do("HSET", "p:store", "format", "99")
	refusedOpen(t, redisq.Options{URL: o.URL, Prefix: "p"}, fault.NeedsHuman, "format", "99")
	refusedOpen(t, redisq.Options{URL: o.URL, Prefix: "{p}"}, fault.NeedsHuman, "braces")
}

// TestLeastRights works with a user that may do no more than docs/redis-protocol.md
// says, and cannot reach anybody else's keys.
func TestLeastRights(t *testing.T) {
	s := redistest.Start(t)
	rights := strings.Fields("ACL SETUSER parley reset on >pa%ss@word ~p:* resetchannels -@all " +
		"+info +evalsha +eval +time +blpop +rpush +lrange +smembers +hget +hset +hdel +hexists +hincrby +hmget +hgetall +hlen " +
		"+persist +pexpire +unlink +exists +lindex +llen +lpop +lpush +ltrim +sadd +srem +zadd +zcard +zrange +zrangebyscore +zrem +zscore")
	args := make([]any, 0, len(rights))
	for _, r := range rights {
		args = append(args, r)
	}
	s.Do(args...)
	url := "redis://parley:pa%25ss%40word@" + s.Addr()
	e := open(t, redisq.Options{URL: secret.New(url), Prefix: "p", Shards: 3})
	roundTrip(t, e)
	refusedOpen(t, redisq.Options{URL: secret.New(url), Prefix: "other"}, fault.NeedsHuman, "NOPERM")

	nodes := redistest.StartCluster(t)
	for _, n := range nodes {
		n.Do(append(args, "+cluster|slots", "+asking")...)
	}
	url = strings.Replace(redistest.ClusterURL(nodes), "://", "://parley:pa%25ss%40word@", 1)
	roundTrip(t, open(t, redisq.Options{URL: secret.New(url), Prefix: "p"}))
}

// roundTrip takes an item through inbox and outbox, and another through the dead letters.
func roundTrip(t *testing.T, e *redisq.Engine) {
	t.Helper()
	accepted(t, e, inbox("ann"), item("a"))
	accepted(t, e, inbox("bob"), item("b"))
	works(t, e, queue.ConsumeOptions{Box: queue.Inbox}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if err := d.SetNote(ctx, []byte("note")); err != nil {
			t.Error(err)
		}
		c := queue.Commit{Done: 1, Set: map[string][]byte{"f": []byte("v"), "g": nil}, Trim: 1, Append: [][]byte{{1}}}
		c.Out = []queue.Outgoing{{Key: lane(d.Key.Owner), Item: item("out" + d.Items[0].ID)}}
		if d.Items[0].ID == "b" && d.Memory.Fields["f"] == nil {
			c.Bury = "once"
		}
		return c, nil
	})
	drained(t, e, queue.Inbox)
	found, err := e.DeadLetters().List(t.Context(), queue.Inbox, 0, 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("dead letters: %+v, %v", found, err)
	}
	if err := e.DeadLetters().Replay(t.Context(), found[0].ID); err != nil {
		t.Fatal(err)
	}
	drained(t, e, queue.Inbox)
	var out sync.Map
	works(t, e, queue.ConsumeOptions{Box: queue.Outbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
		out.Store(d.Items[0].ID, true)
		return queue.Commit{Done: 1}, nil
	})
	drained(t, e, queue.Outbox)
	for _, id := range []string{"outa", "outb"} {
		if _, ok := out.Load(id); !ok {
			t.Errorf("%s never came out", id)
		}
	}
}

func TestTLS(t *testing.T) {
	s := redistest.StartSecured(t, "--tls-auth-clients", "no")
	url := secret.New(s.URL())
	roundTrip(t, open(t, redisq.Options{URL: url, TLS: &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12}}))
	refusedOpen(t, redisq.Options{URL: url}, fault.Retryable, "certificate")
}
