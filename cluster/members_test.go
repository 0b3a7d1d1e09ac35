package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// nodes is a list of nodes as the test says.
type nodes struct {
	mu     sync.Mutex
	others []cluster.Member
	skew   time.Duration
	fails  bool
	said   int
	left   bool
}

func (*nodes) Node() string { return "me" }

func (n *nodes) Announce(_ context.Context, about cluster.Member) ([]cluster.Member, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said++
	if n.fails {
		return nil, fault.New(fault.Retryable, "announce node", errors.New("as the test says"))
	}
	about.ID, about.Skew = "me", n.skew
	return append([]cluster.Member{about}, n.others...), nil
}

func (n *nodes) Members(context.Context) ([]cluster.Member, error) { return nil, nil }

func (n *nodes) Leave(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left = true
	return nil
}

// step changes what is so, lets one announcement pass, and gives what was logged.
func (n *nodes) step(log *bytes.Buffer, change func()) string {
	n.mu.Lock()
	change()
	log.Reset()
	n.mu.Unlock()
	time.Sleep(cluster.AnnounceEvery) // of a synctest bubble
	synctest.Wait()
	return log.String()
}

func TestAttend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, log, saw := &nodes{}, &bytes.Buffer{}, 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- cluster.Attend(ctx, cluster.Attendance{
				Members: n, Log: zerolog.New(log), Saw: func([]cluster.Member) { saw++ },
				About: func() cluster.Member { return cluster.Member{Format: "1", Config: "c"} },
			})
		}()
		synctest.Wait()
		for _, step := range []struct {
			name, want string
			change     func()
		}{
			{"nothing new", "", func() {}},
			{"one comes", "a node is there", func() { n.others = []cluster.Member{{ID: "you", Format: "1", Config: "c"}} }},
			{"told once", "", func() {}},
			{"other configuration", "another configuration", func() { n.others[0].Config = "d" }},
			{"told once too", "", func() {}},
			{"other format", "another format", func() { n.others = []cluster.Member{{ID: "new", Format: "2", Config: "c"}} }},
			{"clock", "clock of this node", func() { n.skew = -3 * time.Second }},
			{"clock told once", "", func() { n.skew = -4 * time.Second }},
			{"small", "", func() { n.skew = time.Second }},
			{"fails", "cannot say", func() { n.fails = true }},
			{"one goes", "is gone", func() { n.fails, n.others = false, nil }},
		} {
			got := n.step(log, step.change)
			if step.want == "" && got != "" || !strings.Contains(got, step.want) {
				t.Errorf("%s: it says %q, want %q", step.name, got, step.want)
			}
		}
		cancel()
		if err := <-ended; err != nil || !n.left || saw != n.said-1 {
			t.Errorf("ended with %v, left %v, saw %d of %d", err, n.left, saw, n.said)
		}
	})
}
