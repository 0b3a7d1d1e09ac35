package admission

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// quantum is how many tokens a tenant may use up in a round before the next has
	// its turn: about one ordinary question with its answer. A smaller one makes more
	// empty rounds and the line no fairer, for what went beyond it is owed.
	quantum = 2048
	// lookAhead bounds how many waiting items are compared. Without it the workers'
	// cached prompts are of no use when the line is long; more than 48 brought no more.
	lookAhead = 48
	// maxSkips bounds how often an item sees a better one go first. With 8 a long line
	// is soon sent in order (docs/adr/0019-routing.md).
	maxSkips = 32
	// batchGone is how full a line is when it takes no batch item at all. Below it
	// they are refused ever more steeply: one in ten at half, one in three at 0.64.
	batchGone = 0.8
	// reserve is the part of a line, one in eight, in which only those who hold less
	// than an equal share may wait: one tenant alone cannot shut the others out.
	reserve = 8

	bands = int(models.Batch) + 1
)

// What a line says when it refuses. Both come inside a RateLimited fault whose wait
// is how long the line needs to empty.
var (
	// ErrFull: there is no room for the item.
	ErrFull = errors.New("the line is full")
	// ErrShed: there is room, but not for one that can wait.
	ErrShed = errors.New("the line is too full for batch")
)

// Item is one request that waits. It may wait in one Line at a time.
type Item struct {
	// Tenant is whom the line is fair to.
	Tenant string
	Band   models.Band
	// Cost is the tokens it will use, estimated; at least 1 is counted.
	Cost int
	// Value is the caller's own.
	Value any

	in         *tenant
	prev, next *Item
	cost       int
	skipped    int
}

// LineOptions say how long a line may get.
type LineOptions struct {
	// Items and Tokens (the sum of their costs) that may wait; 0 means no limit. An
	// empty line takes every item. Of lines of 8 and more the last eighth is for
	// tenants that hold less than an equal share.
	Items, Tokens int
	// Rand draws from [0, 1) whether a batch item is refused; nil means math/rand.
	Rand func() float64
	// Now is the clock for the estimated wait; nil means time.Now.
	Now func() time.Time
}

// Line is where items wait for a worker. Bands go strictly one after the other.
// Inside a band tenants have rounds, in which each may use up an equal number of
// tokens (deficit round robin; what one took beyond its share it owes to the next
// rounds). Inside a round the item with the lowest cost goes first, out of the 48
// that are due, and nobody is passed over more than 8 times; the items of one tenant
// are otherwise in order. It is not safe for concurrent use.
type Line struct {
	o      LineOptions
	bands  [bands]band
	items  int
	tokens int
	held   map[string]*share
	drain  meter
}

// share is what a tenant has waiting in all bands together.
type share struct{ items, tokens int }

// NewLine makes an empty line.
func NewLine(o LineOptions) *Line {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Line{o: o, held: make(map[string]*share)}
	for i := range l.bands {
		l.bands[i].tenants = make(map[string]*tenant)
	}
	return l
}

// Len is how many items wait.
func (l *Line) Len() int { return l.items }

// Tokens is the sum of their costs.
func (l *Line) Tokens() int { return l.tokens }

// Push puts an item at the end of its tenant's line. When the line is full, or too
// full for a batch item, it gives a RateLimited fault that wraps ErrFull or ErrShed.
func (l *Line) Push(it *Item) error {
	if it.in != nil {
		return fault.New(fault.Bug, "wait in line", errors.New("the item waits already"))
	}
	it.cost, it.skipped = max(it.Cost, 1), 0
	if err := l.refusal(it); err != nil {
		return fault.New(fault.RateLimited, "wait in line", err, fault.WithWait(l.wait()),
			fault.WithPublic("Too many questions are waiting right now. Please try again in a moment."))
	}
	l.bands[l.band(it)].push(it)
	l.count(it, 1)
	return nil
}

// refusal says why the item may not wait, if so.
func (l *Line) refusal(it *Item) error {
	if l.items == 0 {
		return nil
	}
	mine := cmp.Or(l.held[it.Tenant], &share{})
	tenants := len(l.held) + 1
	if over(l.o.Items, l.items, 1, mine.items, tenants) || over(l.o.Tokens, l.tokens, it.cost, mine.tokens, tenants) {
		return ErrFull
	}
	if l.band(it) == int(models.Batch) && l.o.Rand() < math.Pow(l.saturation(it)/batchGone, 5) {
		return ErrShed
	}
	return nil
}

// over tells whether more would not go into what limit leaves: all of it for a
// tenant that holds less than one of tenants equal shares, else all but the reserve.
func over(limit, used, more, mine, tenants int) bool {
	if limit <= 0 {
		return false
	}
	room := limit
	if mine+more > limit/tenants {
		room -= limit / reserve
	}
	return used+more > room
}

// saturation is how full the line would be with the item: 1 is full.
func (l *Line) saturation(it *Item) float64 {
	full := 0.0
	if l.o.Items > 0 {
		full = float64(l.items+1) / float64(l.o.Items)
	}
	if l.o.Tokens > 0 {
		full = max(full, float64(l.tokens+it.cost)/float64(l.o.Tokens))
	}
	return full
}

// Pull takes out the item whose turn it is, or gives nil when none fits. Fit tells
// what an item would cost on the best worker it could have now, and false when there
// is none. It is asked for at most 48 items that fit; but for every waiting one
// until one fits, so it should be quick to say no.
func (l *Line) Pull(fit func(*Item) (cost float64, ok bool)) *Item {
	for i := range l.bands {
		if it := l.bands[i].pull(fit); it != nil {
			l.count(it, -1)
			l.drain.add(l.o.Now(), float64(it.cost))
			return it
		}
	}
	return nil
}

// Remove takes an item out that will not be pulled. It gives false when the item
// does not wait.
func (l *Line) Remove(it *Item) bool {
	if it.in == nil {
		return false
	}
	b, t := &l.bands[l.band(it)], it.in
	b.remove(it)
	b.forget(t)
	l.count(it, -1)
	return true
}

// Place is how many items go before this one if all cost the same, plus one; 0 when
// it does not wait. It walks the tenants of the band.
func (l *Line) Place(it *Item) int {
	if it.in == nil {
		return 0
	}
	place := 1
	for i := range l.band(it) {
		place += l.bands[i].items
	}
	return place + l.bands[l.band(it)].before(it)
}

// Settle corrects what a tenant used: extra is how many tokens more than its item's
// cost, negative for less.
func (l *Line) Settle(tenant string, extra int) {
	for i := range l.bands {
		if t, ok := l.bands[i].tenants[tenant]; ok {
			l.bands[i].settle(t, extra)
			return
		}
	}
}

func (l *Line) band(it *Item) int { return min(int(it.Band), bands-1) }

func (l *Line) count(it *Item, by int) {
	l.items += by
	l.tokens += by * it.cost
	mine, ok := l.held[it.Tenant]
	if !ok {
		mine = &share{}
		l.held[it.Tenant] = mine
	}
	mine.items += by
	mine.tokens += by * it.cost
	if mine.items == 0 {
		delete(l.held, it.Tenant)
	}
}
