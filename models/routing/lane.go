package routing

// lane is one worker's blocks, the newest first.
type lane struct {
	at map[uint64]int32
	// nodes are a ring; nodes[0] is not a block, newest is next of it.
	nodes []node
	free  []int32
	// room is how many blocks are kept.
	room int
	// clock counts the blocks that were touched.
	clock uint64
}

type node struct {
	hash       uint64
	prev, next int32
	// used is the clock when the block was last touched, before the time before that;
	// 0 for never.
	used, before uint64
}

func newLane(room int) *lane {
	return &lane{at: map[uint64]int32{}, nodes: make([]node, 1), room: room}
}

func (l *lane) len() int { return len(l.at) }

// touch makes a block the newest, and tells whether it is a new one.
func (l *lane) touch(h uint64) (fresh bool) {
	l.clock++
	if i, known := l.at[h]; known {
		n := &l.nodes[i]
		n.before, n.used = n.used, l.clock
		l.unlink(i)
		l.link(i)
		return false
	}
	var i int32
	if k := len(l.free); k > 0 {
		i, l.free = l.free[k-1], l.free[:k-1]
	} else {
		i = int32(len(l.nodes))
		l.nodes = append(l.nodes, node{})
	}
	l.nodes[i] = node{hash: h, used: l.clock}
	l.at[h] = i
	l.link(i)
	return true
}

func (l *lane) link(i int32) {
	first := l.nodes[0].next
	l.nodes[i].prev, l.nodes[i].next = 0, first
	l.nodes[first].prev = i
	l.nodes[0].next = i
}

func (l *lane) unlink(i int32) {
	n := l.nodes[i]
	l.nodes[n.prev].next = n.next
	l.nodes[n.next].prev = n.prev
}

// oldest gives the block that was not touched for longest; l is not empty.
func (l *lane) oldest() node { return l.nodes[l.nodes[0].prev] }

func (l *lane) dropOldest() (hash uint64) {
	i := l.nodes[0].prev
	h := l.nodes[i].hash
	l.unlink(i)
	delete(l.at, h)
	l.free = append(l.free, i)
	return h
}
