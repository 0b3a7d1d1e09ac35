package redisc_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/clustertest"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

var topicPrefixes atomic.Int64

// topicNode is a node of a hub that nobody else uses.
func topicNode(t *testing.T, url, prefix string) *redisc.Engine {
	t.Helper()
	e, err := redisc.Open(t.Context(), redisc.Options{URL: secret.New(url), Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// topicNodes gives two nodes of a fresh hub each time.
func topicNodes(url string) func(t *testing.T) (a, b cluster.Topic) {
	return func(t *testing.T) (a, b cluster.Topic) {
		t.Helper()
		prefix := fmt.Sprint("topic", topicPrefixes.Add(1))
		return topicNode(t, url, prefix), topicNode(t, url, prefix)
	}
}

func TestTopic(t *testing.T) { clustertest.Topic(t, topicNodes(redistest.Start(t).URL())) }

func TestTopicOnCluster(t *testing.T) {
	clustertest.Topic(t, topicNodes(redistest.ClusterURL(redistest.StartCluster(t))))
}

func TestTopicOnSentinel(t *testing.T) {
	s := redistest.StartSentinels(t)
	nodes := topicNodes(s.URL())
	clustertest.Topic(t, nodes)
	t.Run("failover", func(t *testing.T) {
		a, b := nodes(t)
		ch := a.Subscribe(t.Context(), "t")
		clustertest.Tune(t, b, "t", ch)
		s.Master.Kill()
		clustertest.Tune(t, b, "t", ch)
	})
}

// TestTopicSubscribesAgain: a connection that is cut, and a server that is gone for a
// while, end no subscription.
func TestTopicSubscribesAgain(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := topicNode(t, "redis://"+proxy.Addr(), "p"), topicNode(t, server.URL(), "p")
	ch := a.Subscribe(t.Context(), "t")
	clustertest.Tune(t, b, "t", ch)
	for range 3 {
		proxy.Cut()
		clustertest.Tune(t, b, "t", ch)
	}
	server.Kill()
	if err := b.Publish(t.Context(), "t", nil); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("publish without Redis: %v", err)
	}
	server.Restart()
	clustertest.Tune(t, b, "t", ch)
}

// TestTopicMoves: on a Cluster a subscription follows its slot to another server.
func TestTopicMoves(t *testing.T) {
	servers := redistest.StartCluster(t)
	a, b := topicNodes(redistest.ClusterURL(servers))(t)
	ch := a.Subscribe(t.Context(), "t")
	clustertest.Tune(t, b, "t", ch)
	slot := servers[0].Do("CLUSTER", "KEYSLOT", fmt.Sprintf("topic%d:topic:t", topicPrefixes.Load()))
	n, _ := slot.(int64)
	from := int(n) * 3 / 16384
	to := (from + 1) % 3
	id := servers[to].Do("CLUSTER", "MYID")
	for _, i := range []int{to, from, (to + 1) % 3} {
		servers[i].Do("CLUSTER", "SETSLOT", slot, "NODE", id)
	}
	clustertest.Tune(t, b, "t", ch)
}

// TestTopicLeastRights: a user needs no more than the written protocol says.
func TestTopicLeastRights(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "parley", "on", ">secret", "~parley:*", "resetchannels", "&parley:*", "-@all", "+info",
		"+publish", "+subscribe", "+ping")
	url := "redis://parley:secret@" + server.Addr()
	a, b := topicNode(t, url, "parley"), topicNode(t, url, "parley")
	ch := a.Subscribe(t.Context(), "t")
	clustertest.Tune(t, b, "t", ch)
	if err := topicNode(t, url, "other").Publish(t.Context(), "t", nil); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("another hub's topic: %v", err)
	}
}
