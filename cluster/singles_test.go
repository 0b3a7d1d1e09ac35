package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/alone"
)

// hub is nodes that want to hold all of a group's singles, as supervisors do.
type hub struct {
	t      *testing.T
	leases cluster.Leases
	names  []string
	nodes  map[string]*node
}

type node struct {
	singles *cluster.Singles
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

func (h *hub) join(id string) {
	ctx, stop := context.WithCancel(h.t.Context())
	n := &node{singles: cluster.NewSingles(h.leases, id), stop: stop}
	h.nodes[id] = n
	h.announce()
	for _, name := range h.names {
		n.ended.Go(func() {
			for {
				one, err := n.singles.Hold(ctx, "group", name, len(h.names), nil)
				if err != nil {
					return
				}
				select {
				case <-one.Done():
				case <-ctx.Done():
				}
				if err := one.Release(context.Background()); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
}

func (h *hub) leave(id string) {
	n := h.nodes[id]
	delete(h.nodes, id)
	n.stop()
	n.ended.Wait()
}

// announce lets all nodes see each other.
func (h *hub) announce() {
	var all []cluster.Member
	for id, n := range h.nodes {
		all = append(all, cluster.Member{ID: id, Holds: n.singles.Holds()})
	}
	for _, n := range h.nodes {
		n.singles.Saw(all)
	}
}

// counts gives how many each node holds, sorted.
func (h *hub) counts() []int {
	time.Sleep(time.Second) // of a synctest bubble: longer than a lease is left to others
	synctest.Wait()
	var out []int
	for _, n := range h.nodes {
		out = append(out, len(n.singles.Holds()))
	}
	slices.Sort(out)
	return out
}

func (h *hub) wants(what string, want ...int) {
	h.t.Helper()
	if got := h.counts(); !slices.Equal(got, want) {
		h.t.Errorf("%s: they hold %v, want %v", what, got, want)
	}
}

func TestSinglesSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{t: t, leases: alone.New(), nodes: map[string]*node{}}
		for i := range 5 {
			h.names = append(h.names, fmt.Sprint("shard ", i, "/5"))
		}
		h.join("a")
		h.wants("alone", 5)
		h.join("b")
		for range 6 {
			h.announce()
			h.counts()
		}
		h.wants("two, after a while", 2, 3)
		h.announce()
		h.wants("two, and it stays so", 2, 3)
		h.join("c")
		for range 6 {
			h.announce()
			h.counts()
		}
		h.wants("three, after a while", 1, 2, 2)
		h.leave("a")
		h.wants("one leaves, nobody was told", 2, 3)
		h.announce()
		h.wants("and it stays so", 2, 3)
		h.leave("b")
		h.wants("one is left", 5)
		h.leave("c")
	})
}

// What is one of its kind stays where it is, whoever comes.
func TestASingleOneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{t: t, leases: alone.New(), names: []string{"receiver"}, nodes: map[string]*node{}}
		h.join("a")
		h.wants("alone", 1)
		h.join("b")
		h.announce()
		h.wants("two", 0, 1)
		if holds := h.nodes["a"].singles.Holds(); !slices.Equal(holds, []string{"group/receiver"}) {
			t.Errorf("the first holds %q", strings.Join(holds, ", "))
		}
		h.leave("a")
		h.wants("the other takes it", 1)
		h.leave("b")
	})
}
