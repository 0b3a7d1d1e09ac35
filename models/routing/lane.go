package routing

import "sort"

const (
	// doubted is what is left of the hope in blocks older than a worker keeps them:
	// little, but where a prompt was it is still at home.
	doubted = 4
	// horizonStep is the part by which one report moves what is believed of a worker.
	horizonStep = 16
	// horizonLeast is as many blocks as a worker keeps in any case.
	horizonLeast = 256
	// tooSoon is the part of a worker's blocks that must have been used since, before a
	// block that is missing counts as forgotten: it may not have been finished yet.
	tooSoon = 8
)

// lane is one worker's blocks, by when they were used last.
type lane struct {
	at map[uint64]int32
	// nodes are a ring; nodes[0] is no block: behind it is the newest, before it the oldest.
	nodes []node
	free  []int32
	// clock counts the uses of blocks.
	clock uint64
	// horizon is how old a block may be, by clock, to be believed in.
	horizon uint64
	// reports is true for a worker that says what it had cached.
	reports bool
}

type node struct {
	hash       uint64
	used       uint64
	prev, next int32
}

func newLane(horizon int) *lane {
	return &lane{at: map[uint64]int32{}, nodes: make([]node, 1), horizon: uint64(max(horizon, horizonLeast))}
}

func (l *lane) len() int { return len(l.at) }

// touch makes a block the newest, and tells whether it was not there.
func (l *lane) touch(h uint64) (fresh bool) {
	l.clock++
	i, known := l.at[h]
	switch k := len(l.free); {
	case known:
		l.unlink(i)
	case k > 0:
		i, l.free = l.free[k-1], l.free[:k-1]
	default:
		i = int32(len(l.nodes))
		l.nodes = append(l.nodes, node{})
	}
	if !known {
		l.at[h] = i
	}
	first := l.nodes[0].next
	l.nodes[i] = node{hash: h, used: l.clock, next: first}
	l.nodes[first].prev = i
	l.nodes[0].next = i
	return !known
}

func (l *lane) unlink(i int32) {
	n := l.nodes[i]
	l.nodes[n.prev].next = n.next
	l.nodes[n.next].prev = n.prev
}

// dropOldest forgets a block; l is not empty.
func (l *lane) dropOldest() (hash uint64) {
	i := l.nodes[0].prev
	hash = l.nodes[i].hash
	l.unlink(i)
	delete(l.at, hash)
	l.free = append(l.free, i)
	return hash
}

// age is how long ago the n-th block of a prompt was used, which l has; 0 for none.
func (l *lane) age(p Prompt, n int) uint64 {
	if n == 0 {
		return 0
	}
	return l.clock - l.nodes[l.at[p.Blocks[n-1]]].used
}

// expect gives how many tokens to hope for, of the first n blocks that were sent once.
// A block was never used later than the one before it.
func (l *lane) expect(p Prompt, n int) (tokens int) {
	all := p.tokensOf(n)
	if l.clock <= l.horizon || l.age(p, n) <= l.horizon {
		return all
	}
	young := p.tokensOf(sort.Search(n, func(k int) bool { return l.age(p, k+1) > l.horizon }))
	return young + (all-young)/doubted
}

// learn moves the horizon to where what is older is lost as often as what is younger.
// Less than half of what was sent once counts as lost: tokens are estimated, and a
// worker's blocks have other borders.
func (l *lane) learn(s sent, cached int) {
	if l.reports = l.reports || cached > 0; !l.reports {
		return
	}
	switch lost := 2*cached < s.tokens; {
	case lost && s.age <= l.horizon && s.age >= uint64(l.len()/tooSoon):
		l.horizon = max(l.horizon-l.horizon/horizonStep, horizonLeast)
	case !lost && s.age > l.horizon:
		l.horizon += l.horizon / horizonStep
	}
}
