package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

// reaches is two nodes that share records and a delivery table.
type reaches struct {
	*bench
	t     *testing.T
	redis *redistest.Server
}

func newReaches(t *testing.T, table func(cluster.Addresses) cluster.Addresses) *reaches {
	t.Helper()
	r := &reaches{t: t, redis: redistest.Start(t), bench: newNodes(t, session.Policy{}, openNodes(t, pgtest.New(t), 2)...)}
	for _, n := range r.nodes {
		e, err := redisc.Open(t.Context(), redisc.Options{URL: secret.New(r.redis.URL())})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		n.share(table(e), zerolog.Nop())
	}
	return r
}

func asItIs(a cluster.Addresses) cluster.Addresses { return a }

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// hears is account n heard by a node.
func (r *reaches) hears(node, n, minute int) {
	r.t.Helper()
	a := r.account(n)
	p := r.nodes[node]
	err := hearing{p.records, p.table}.Seen(r.t.Context(), []records.Address{{Base: a.Base(), In: a.Home, At: dawn.Add(time.Duration(minute) * time.Minute)}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// at tells by their bases where a person can be reached.
func (r *reaches) at(node int, person core.PersonID) (out []core.PersonID) {
	r.t.Helper()
	addresses, _, err := r.nodes[node].table.Reachable(r.t.Context(), person)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, a := range addresses {
		out = append(out, a.Base)
	}
	return out
}

func (r *reaches) want(what string, person core.PersonID, want ...core.PersonID) {
	r.t.Helper()
	for node := range r.nodes {
		for range 2 { // read, and out of the table
			if got := r.at(node, person); !slices.Equal(got, want) {
				r.t.Errorf("%s: node %d reaches %s at %v, want %v", what, node, person, got, want)
			}
		}
	}
}

func (r *reaches) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// The life of a person's addresses, on two nodes, one of which changes what the other has
// read.
func TestReachableOnTwoNodes(t *testing.T) {
	for name, table := range map[string]func(cluster.Addresses) cluster.Addresses{
		"shared": asItIs,
		// A node that dies between the records and the table, or a Redis that lost the end.
		"never told of changes": func(a cluster.Addresses) cluster.Addresses { return deaf{a} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReaches(t, table)
			ann, other := r.account(1), r.account(2)
			r.want("nobody was heard", ann.Base())
			r.hears(0, 1, 1)
			r.hears(1, 2, 2)
			if name == "shared" {
				r.want("heard", ann.Base(), ann.Base())
			}
			r.want("heard", other.Base(), other.Base())
			r.ok(r.nodes[0].join(t.Context(), "join", ann, other))
			r.want("joined, of who is no more", other.Base())
			r.hears(1, 2, 5) // what is heard of a new account is learned at the latest then
			r.hears(1, 1, 6)
			r.want("joined", ann.Base(), ann.Base(), other.Base())
			r.hears(0, 2, 9)
			r.want("heard elsewhere", ann.Base(), other.Base(), ann.Base())
			r.ok(r.nodes[1].part(t.Context(), "part", other))
			r.want("parted", ann.Base(), ann.Base())
			r.want("parted, of who left", other.Base(), other.Base())
		})
	}
}

// deaf is a table that is never told that people changed.
type deaf struct{ cluster.Addresses }

func (deaf) ForgetAddresses(context.Context, ...core.PersonID) error {
	return fault.New(fault.Retryable, "forget", context.DeadlineExceeded)
}

// One node links and unlinks while the other is asked without a pause where somebody can
// be reached: no answer to a question that begins after an unlink has the other's address.
func TestNoAddressOfSomebodyElse(t *testing.T) {
	r := newReaches(t, asItIs)
	ann, other := r.account(1), r.account(2)
	r.hears(0, 1, 1)
	r.hears(0, 2, 2)
	var apart, changes atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 6 {
		asking.Go(func() {
			for ctx.Err() == nil {
				before := apart.Load()
				from := changes.Load()
				addresses, _, err := r.nodes[1].table.Reachable(ctx, ann.Base())
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("Reachable: %v", err)
					}
					return
				}
				strange := slices.ContainsFunc(addresses, func(a session.Address) bool { return a.Base == other.Base() })
				if before == 1 && strange && changes.Load() == from {
					t.Error("somebody is reached where another person is")
					return
				}
			}
		})
	}
	for i := range 30 {
		turn := string(rune('a' + i))
		changes.Add(1)
		apart.Store(0)
		r.ok(r.nodes[0].join(t.Context(), "join "+turn, ann, other))
		r.hears(0, 2, 10+i)
		r.ok(r.nodes[0].part(t.Context(), "part "+turn, other))
		apart.Store(1)
		r.at(1, ann.Base())
	}
	cancel()
	asking.Wait()
}

// What is forgotten is in Redis no more, and what is on its way does not come back.
func TestReachableForgotten(t *testing.T) {
	r := newReaches(t, asItIs)
	ann := r.account(1)
	r.hears(0, 1, 1)
	r.want("heard", ann.Base(), ann.Base())
	r.ok(r.nodes[0].records.SetReach(t.Context(), ann.Base(), records.Reach{Mode: records.ReachAll}))
	_, err := r.nodes[0].forget(t.Context(), records.Cause{Turn: "forget", Actor: records.Operator, At: time.Now()}, ann.Base(), []place{{ann.Who, ann.Home}}, true)
	r.ok(err)
	r.hears(1, 1, 1)
	r.want("forgotten", ann.Base())
	names, _ := r.redis.Do("KEYS", "*reach*").([]any)
	if len(names) == 0 {
		t.Error("nothing is in the table, not even that there is nothing")
	}
	for _, name := range names {
		all, _ := r.redis.Do("HGETALL", name).([]any)
		for i := 0; i+1 < len(all); i += 2 {
			field, value := fmt.Sprint(all[i]), fmt.Sprint(all[i+1])
			if field != "g" && field != "f" && field+value != `w{"m":"last"}` {
				t.Errorf("%s still has %s: %s", name, field, value)
			}
		}
	}
}

// Without Redis the records are read.
func TestReachableWithoutRedis(t *testing.T) {
	r := newReaches(t, asItIs)
	ann := r.account(1)
	r.redis.Kill()
	r.hears(0, 1, 1)
	r.want("Redis is away", ann.Base(), ann.Base())
}
