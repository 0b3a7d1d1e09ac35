package routing

import "math/bits"

// DefaultPerWorker is how many blocks of prompts are remembered of a worker: about a
// million tokens, more than most GPUs keep. Too many do no harm: where a prompt was is
// as good a place for it as any when it is gone there too. Too few lose its home.
const DefaultPerWorker = 16 << 10

// shelfSize is the number of workers whose blocks are found in one look.
const shelfSize = 64

// Index knows about how much of which prompt each worker has in its cache, by what it was
// sent before. It belongs to one version of a model: others compute other things.
// It is not safe for concurrent use.
//
// Its memory is bounded by perWorker blocks, of about 100 bytes each, for every worker
// that was not dropped.
type Index struct {
	perWorker int
	// places are the workers' lanes, counted over all shelves.
	places  map[string]int
	shelves []*shelf
}

// shelf is up to 64 workers and who of them has a block.
type shelf struct {
	// holders has a bit for each lane.
	holders map[uint64]uint64
	used    uint64
	lanes   [shelfSize]*lane
	// depth is the answer of find: how many blocks each lane has.
	depth [shelfSize]int32
}

// NewIndex makes an Index that remembers perWorker blocks of 256 bytes of each worker;
// 0 means DefaultPerWorker.
func NewIndex(perWorker int) *Index {
	if perWorker <= 0 {
		perWorker = DefaultPerWorker
	}
	return &Index{perWorker: perWorker, places: map[string]int{}}
}

// Cached gives how much of a prompt a worker may be expected to have computed before, in
// the prompt's own estimated tokens; never more than p.Tokens.
func (x *Index) Cached(worker string, p Prompt) (tokens int) {
	s, i := x.lookup(worker)
	if s == nil {
		return 0
	}
	return s.lanes[i].expect(p, s.count(p, 1<<i))
}

// find looks a prompt up for all workers at once; found gives the result of each.
func (x *Index) find(p Prompt) {
	for _, s := range x.shelves {
		s.find(p)
	}
}

// found is Cached, by the last find.
func (x *Index) found(worker string, p Prompt) (tokens int) {
	s, i := x.lookup(worker)
	if s == nil {
		return 0
	}
	return s.lanes[i].expect(p, int(s.depth[i]))
}

// missing gives how much of a prompt another worker was sent that this one was not.
func (x *Index) missing(worker string, p Prompt) (tokens int) {
	most := 0
	for _, s := range x.shelves {
		most = max(most, s.count(p, s.used))
	}
	have := 0
	if s, i := x.lookup(worker); s != nil {
		have = s.count(p, 1<<i)
	}
	return p.tokensOf(most) - p.tokensOf(have)
}

// Insert notes that a prompt is sent to a worker.
func (x *Index) Insert(worker string, p Prompt) {
	if len(p.Blocks) == 0 {
		return
	}
	s, i := x.place(worker)
	l := s.lanes[i]
	if p.sent != nil {
		n := s.count(p, 1<<i)
		*p.sent = sent{worker: worker, tokens: p.tokensOf(n), age: l.age(p, n)}
	}
	// From the end, so that a prompt's beginning is the last to be forgotten.
	for n := len(p.Blocks) - 1; n >= 0; n-- {
		if l.touch(p.Blocks[n]) {
			s.holders[p.Blocks[n]] |= 1 << i
		}
	}
	s.trim(i, x.perWorker)
}

// Correct tells what a worker said it had cached of a prompt when it took it up, in
// tokens. It must be called after the Insert of the same prompt, of Read, and only for
// workers that report it; a worker that only ever said 0 is taken for one that does not.
//
// The prompt itself is cached by now. What is learned is how long the worker keeps what
// it was sent.
func (x *Index) Correct(worker string, p Prompt, cached int) {
	s, i := x.lookup(worker)
	if s == nil || p.sent == nil || p.sent.worker != worker || p.sent.tokens == 0 {
		return
	}
	s.lanes[i].learn(*p.sent, cached)
}

// Drop forgets a worker: it restarted, or is gone.
func (x *Index) Drop(worker string) {
	s, i := x.lookup(worker)
	if s == nil {
		return
	}
	delete(x.places, worker)
	s.trim(i, 0)
	s.lanes[i] = nil
	s.used &^= 1 << i
}

// lookup gives a worker's shelf and lane; nil if it is not known.
func (x *Index) lookup(worker string) (*shelf, int) {
	place, known := x.places[worker]
	if !known {
		return nil, 0
	}
	return x.shelves[place/shelfSize], place % shelfSize
}

// place is lookup, and gives a new worker the first lane that is free.
func (x *Index) place(worker string) (*shelf, int) {
	if s, i := x.lookup(worker); s != nil {
		return s, i
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
	s.lanes[i] = newLane(x.perWorker)
	x.places[worker] = n*shelfSize + i
	return s, i
}

// count gives how many blocks that one of some lanes has which has the most.
func (s *shelf) count(p Prompt, lanes uint64) int {
	for n, h := range p.Blocks {
		if lanes &= s.holders[h]; lanes == 0 {
			return n
		}
	}
	return len(p.Blocks)
}

func (s *shelf) find(p Prompt) {
	live := s.used
	for n, h := range p.Blocks {
		if live == 0 {
			return
		}
		have := s.holders[h] & live
		s.settle(live&^have, n)
		live = have
	}
	s.settle(live, len(p.Blocks))
}

func (s *shelf) settle(lanes uint64, n int) {
	for ; lanes != 0; lanes &= lanes - 1 {
		s.depth[bits.TrailingZeros64(lanes)] = int32(n)
	}
}

// trim forgets a lane's oldest blocks until so many are left.
func (s *shelf) trim(i, left int) {
	for s.lanes[i].len() > left {
		h := s.lanes[i].dropOldest()
		if holders := s.holders[h] &^ (1 << i); holders != 0 {
			s.holders[h] = holders
		} else {
			delete(s.holders, h)
		}
	}
}
