package redisc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/test/redistest"
)

func TestAddresses(t *testing.T) { addresses(t, redistest.Start(t).URL()) }

func TestAddressesOnCluster(t *testing.T) {
	addresses(t, redistest.ClusterURL(redistest.StartCluster(t)))
}

func TestAddressesBehindSentinel(t *testing.T) { addresses(t, redistest.StartSentinels(t).URL()) }

func addresses(t *testing.T, url string) {
	t.Helper()
	e := openLimits(t, url, "probe")
	n := 0
	clustertest.Addresses(t, func(*testing.T) [2]cluster.Addresses {
		n++
		prefix := fmt.Sprint("addresses", n)
		return [2]cluster.Addresses{e.As(prefix), e.As(prefix)}
	})
}

// TestAddressesEnd: every key has an end, and what was read is one round trip.
func TestAddressesEnd(t *testing.T) {
	e := openLimits(t, redistest.Start(t).URL(), "p")
	ctx := t.Context()
	r := cluster.Reachable{Mode: "last", Addresses: []cluster.Address{{Base: "p", At: time.UnixMilli(1).UTC(), In: core.Conversation{Account: "a", Place: core.Private, Chat: "1"}}}}
	if err := e.FillAddresses(ctx, "p", "", r); err != nil {
		t.Fatal(err)
	}
	if err := e.ForgetAddresses(ctx, "q"); err != nil {
		t.Fatal(err)
	}
	names, err := e.Redis().Keys(ctx, "*").Result()
	if err != nil || len(names) != 2 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		if left := e.Redis().PTTL(ctx, name).Val(); left <= 0 || left > cluster.AddressesKept {
			t.Errorf("%s ends in %v", name, left)
		}
	}
}

func TestAddressesRedisAway(t *testing.T) {
	s := redistest.Start(t)
	e := openLimits(t, s.URL(), "p")
	s.Kill()
	_, known, _, err := e.AddressesOf(t.Context(), "p")
	for what, err := range map[string]error{
		"Get": err, "Fill": e.FillAddresses(t.Context(), "p", "", cluster.Reachable{}),
		"Heard": e.HeardAt(t.Context(), "p", cluster.Address{}), "Forget": e.ForgetAddresses(t.Context(), "p"),
	} {
		if known || fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s: %v", what, err)
		}
	}
}
