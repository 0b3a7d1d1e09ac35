package cache

import (
	"sync"
	"time"
)

const (
	// overhead is about what a value takes in a Remote beside its bytes.
	overhead = 128
	// entryOverhead is what one in a series takes when it is the only one: most are of
	// people who asked little.
	entryOverhead = 640
)

// Room bounds the bytes that a process keeps in a Remote: that is not the process's own,
// and has to have room for more important things. It is safe for concurrent use.
type Room struct {
	limit uint64

	mu   sync.Mutex
	sum  uint64
	kept []lodged
}

// lodged is a value until its time is over.
type lodged struct {
	until time.Time
	bytes uint64
}

// NewRoom makes room for so many bytes, about.
func NewRoom(bytes uint64) *Room { return &Room{limit: bytes} }

// take tells whether there is room for so many bytes, and takes it. What is over makes room
// when all that came before it is over too: most is kept as long.
func (r *Room) take(bytes int, now, until time.Time) bool {
	size := uint64(bytes)
	r.mu.Lock()
	defer r.mu.Unlock()
	over := 0
	for ; over < len(r.kept) && !r.kept[over].until.After(now); over++ {
		r.sum -= r.kept[over].bytes
	}
	r.kept = r.kept[over:]
	if r.sum+size > r.limit {
		return false
	}
	r.sum += size
	r.kept = append(r.kept, lodged{until, size})
	return true
}
