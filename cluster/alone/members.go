package alone

import (
	"context"
	"sync"
	"time"

	"github.com/parley-hub/parley/cluster"
)

// thisNode is the id of the only node.
const thisNode = "this node"

// members is the list of one.
type members struct{ s *memberState }

type memberState struct {
	mu    sync.Mutex
	there bool
	self  cluster.Member
}

var _ cluster.Members = (*Engine)(nil)

func newMembers() members { return members{&memberState{}} }

// Node implements cluster.Members.
func (members) Node() string { return thisNode }

// Announce implements cluster.Members.
func (m members) Announce(ctx context.Context, about cluster.Member) ([]cluster.Member, error) {
	about.ID, about.Seen = thisNode, time.Now()
	m.s.mu.Lock()
	m.s.there, m.s.self = true, about
	m.s.mu.Unlock()
	return m.Members(ctx)
}

// Members implements cluster.Members.
func (m members) Members(context.Context) ([]cluster.Member, error) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if !m.s.there {
		return nil, nil
	}
	return []cluster.Member{m.s.self}, nil
}

// Leave implements cluster.Members.
func (m members) Leave(context.Context) error {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.there = false
	return nil
}

// Claim takes any identity: nobody else is on these stores.
func (members) Claim(context.Context, string) error { return nil }
