package cluster

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// leaveFor is how long a node that has its share leaves a lease to the others.
const leaveFor = 500 * time.Millisecond

// Singles spreads leases that are alike (the shards of an account) over the nodes. A
// node takes its share of a group at once, which is their number by that of the nodes,
// rounded up. Of more it takes what nobody else took for half a second. When a node is
// there that has less than it could, who has more than its share hands one on.
type Singles struct {
	leases Leases
	self   string

	mu sync.Mutex
	// nodes are those that are there; held this node's singles by lease.
	nodes []Member
	held  map[string]*Single
}

// Single is a lease of a group.
type Single struct {
	Lease
	singles *Singles
	group   string
	of      int
	once    sync.Once
	end     chan struct{}
}

// NewSingles makes one for the node of this id.
func NewSingles(leases Leases, self string) *Singles {
	return &Singles{leases: leases, self: self, held: map[string]*Single{}}
}

// leaseName is the lease of one of a group.
func leaseName(group, name string) string { return group + "/" + name }

// Hold waits until this node has a single of a group that has so many. standby is told
// who has it meanwhile; it may be nil.
func (s *Singles) Hold(ctx context.Context, group, name string, of int, standby func(holder string)) (*Single, error) {
	lease, err := Take(ctx, s.leases, leaseName(group, name), Waiting{
		Standby: standby,
		Leave: func() time.Duration {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.mine(group) >= s.share(of) {
				return leaveFor
			}
			return 0
		},
	})
	if err != nil {
		return nil, err
	}
	one := &Single{Lease: lease, singles: s, group: group, of: of, end: make(chan struct{})}
	s.mu.Lock()
	s.held[lease.Name()] = one
	s.mu.Unlock()
	go func() {
		<-lease.Lost()
		one.close()
	}()
	return one, nil
}

// Done is closed when what is held should be let go: the lease is lost, or another node
// is to have it. In the second case it is valid until it is released.
func (s *Single) Done() <-chan struct{} { return s.end }

func (s *Single) close() { s.once.Do(func() { close(s.end) }) }

// Release gives the lease back.
func (s *Single) Release(ctx context.Context) error {
	defer func() {
		s.singles.mu.Lock()
		defer s.singles.mu.Unlock()
		if s.singles.held[s.Name()] == s {
			delete(s.singles.held, s.Name())
		}
	}()
	return s.Lease.Release(ctx)
}

// Holds are the names of the leases that this node has.
func (s *Singles) Holds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name, one := range s.held {
		if one.Valid() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Saw takes in which nodes are there.
func (s *Singles) Saw(nodes []Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = slices.Clone(nodes)
	groups := map[string]int{}
	for _, one := range s.held {
		groups[one.group] = one.of
	}
	for group, of := range groups {
		if s.mine(group) > s.share(of) && s.needy(group, of) {
			s.handOn(group)
		}
	}
}

// share is what a node may take at once; the caller holds mu.
func (s *Singles) share(of int) int {
	n := max(len(s.nodes), 1)
	return (of + n - 1) / n
}

// mine counts what this node has of a group; the caller holds mu.
func (s *Singles) mine(group string) int {
	n := 0
	for _, one := range s.held {
		if one.group == group {
			n++
		}
	}
	return n
}

// needy tells whether another node has fewer of a group than every node could have; the
// caller holds mu.
func (s *Singles) needy(group string, of int) bool {
	return slices.ContainsFunc(s.nodes, func(m Member) bool {
		n := 0
		for _, name := range m.Holds {
			if strings.HasPrefix(name, group+"/") {
				n++
			}
		}
		return m.ID != s.self && n < of/len(s.nodes)
	})
}

// handOn ends one single of a group, the last by name; the caller holds mu.
func (s *Singles) handOn(group string) {
	var last *Single
	for _, one := range s.held {
		if one.group == group && (last == nil || one.Name() > last.Name()) {
			last = one
		}
	}
	last.close()
}
