package routing

import "math/bits"

// DefaultPerWorker is how many blocks of prompts a worker is taken to have cached: about
// a million tokens. Correct finds out where it is less.
const DefaultPerWorker = 16 << 10

// shelfSize is the number of workers whose blocks are found in one look.
const shelfSize = 64

// Index knows about how much of which prompt each worker has in its cache, by what it was
// sent before. It belongs to one version of a model: others compute other things.
// It is not safe for concurrent use.
//
// Its memory is bounded by perWorker blocks for each worker that was not dropped, at
// about 100 bytes.
type Index struct {
	perWorker int
	places    map[string]int
	shelves   []*shelf
}

// shelf is up to 64 workers and who of them has a block.
type shelf struct {
	holders map[uint64]uint64
	used    uint64
	lanes   [shelfSize]*lane
	// depth is the answer of find, by lane.
	depth [shelfSize]int32
}

// NewIndex makes an Index that takes each worker for one that keeps perWorker blocks of
// 256 bytes; 0 means DefaultPerWorker.
func NewIndex(perWorker int) *Index {
	if perWorker <= 0 {
		perWorker = DefaultPerWorker
	}
	return &Index{perWorker: perWorker, places: map[string]int{}}
}

// Cached gives how much of a prompt a worker has computed before, in the prompt's own
// estimated tokens; never more than p.Tokens.
func (x *Index) Cached(worker string, p Prompt) (tokens int) {
	place, known := x.places[worker]
	if !known {
		return 0
	}
	s, bit := x.shelves[place/shelfSize], uint64(1)<<(place%shelfSize)
	n := 0
	for n < len(p.Blocks) && s.holders[p.Blocks[n]]&bit != 0 {
		n++
	}
	return p.tokensOf(n)
}

// find looks up all workers at once; depthOf gives the result of each.
func (x *Index) find(p Prompt) {
	for _, s := range x.shelves {
		s.find(p)
	}
}

func (x *Index) depthOf(worker string) int {
	place, known := x.places[worker]
	if !known {
		return 0
	}
	return int(x.shelves[place/shelfSize].depth[place%shelfSize])
}

func (s *shelf) find(p Prompt) {
	live := s.used
	for n, h := range p.Blocks {
		if live == 0 {
			return
		}
		have := s.holders[h] & live
		s.settle(live&^have, p.tokensOf(n))
		live = have
	}
	s.settle(live, p.tokensOf(len(p.Blocks)))
}

func (s *shelf) settle(lanes uint64, tokens int) {
	for ; lanes != 0; lanes &= lanes - 1 {
		s.depth[bits.TrailingZeros64(lanes)] = int32(tokens)
	}
}

// Insert notes that a prompt was sent to a worker.
func (x *Index) Insert(worker string, p Prompt) {
	if len(p.Blocks) == 0 {
		return
	}
	place := x.place(worker)
	s, i := x.shelves[place/shelfSize], place%shelfSize
	if s.lanes[i] == nil {
		s.lanes[i] = newLane(x.perWorker)
	}
	l := s.lanes[i]
	// From the end, so that a prompt's beginning is the last to be forgotten.
	for n := len(p.Blocks) - 1; n >= 0; n-- {
		if l.touch(p.Blocks[n]) {
			s.holders[p.Blocks[n]] |= 1 << i
		}
	}
	s.trim(i, l.room)
}

// Correct tells what a worker said it had cached of a prompt, in tokens, when it took it
// up. It must be called after the Insert of the same prompt, only for workers that
// report it.
func (x *Index) Correct(worker string, p Prompt, cached int) {
}

// Drop forgets a worker: it restarted, or is gone.
func (x *Index) Drop(worker string) {
	place, known := x.places[worker]
	if !known {
		return
	}
	delete(x.places, worker)
	s, i := x.shelves[place/shelfSize], place%shelfSize
	if s.lanes[i] != nil {
		s.trim(i, 0)
		s.lanes[i] = nil
	}
	s.used &^= 1 << i
}

// place gives a worker's place, the first that is free for a new one.
func (x *Index) place(worker string) int {
	if place, known := x.places[worker]; known {
		return place
	}
	n := 0
	for n < len(x.shelves) && ^x.shelves[n].used == 0 {
		n++
	}
	if n == len(x.shelves) {
		x.shelves = append(x.shelves, &shelf{holders: map[uint64]uint64{}})
	}
	s := x.shelves[n]
	i := bits.TrailingZeros64(^s.used)
	s.used |= 1 << i
	x.places[worker] = n*shelfSize + i
	return n*shelfSize + i
}

// trim forgets a lane's oldest blocks until room are left.
func (s *shelf) trim(i, room int) {
	for s.lanes[i].len() > room {
		s.forget(i)
	}
}

// forget forgets a lane's oldest block.
func (s *shelf) forget(i int) {
	h := s.lanes[i].dropOldest()
	if left := s.holders[h] &^ (1 << i); left != 0 {
		s.holders[h] = left
	} else {
		delete(s.holders, h)
	}
}
