package cache

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

// Kind says what a Tag names.
type Kind string

// The kinds.
const (
	Account   Kind = "account"
	Person    Kind = "person"
	Skill     Kind = "skill"
	Knowledge Kind = "knowledge"
	Version   Kind = "version"
)

// Tag is something whose answers can be forgotten together.
type Tag struct {
	Kind Kind
	Name string
}

// tags are those of a request.
func tags(r models.Request, version string) [5]Tag {
	return [5]Tag{{Account, r.For.Account}, {Person, r.For.Person}, {Skill, r.For.Skill}, {Knowledge, r.Cache.Knowledge}, {Version, version}}
}

const (
	// seenWithin is how long another node's Invalidate may go unseen.
	seenWithin = time.Second
	// maxSeen is how many tags are remembered at most; what is dropped is read again.
	maxSeen = 16 << 10
)

// generations are the present ones of tags. They are part of every key: with a new one
// all answers under the old are out of reach at once, wherever they are kept. A
// generation is a random word, so that nodes need not count together.
type generations struct {
	// remote nil is for a node alone.
	remote *shared
	// keep is longer than any answer is kept.
	keep time.Duration

	mu  sync.RWMutex
	all map[Tag]generation
}

type generation struct {
	word string
	// seen is when the remote said so; own is true where it was never told.
	seen time.Time
	own  bool
}

// of gives the generations of tags. Where the remote cannot be asked they are those
// known last, for nobody could have told of new ones, either; ok is false when none are
// known.
func (g *generations) of(ctx context.Context, tags [5]Tag) (words []string, ok bool) {
	words = make([]string, len(tags))
	now := time.Now()
	for i, t := range tags {
		g.mu.RLock()
		at := g.all[t]
		g.mu.RUnlock()
		if g.remote != nil && t.Name != "" && !at.own && now.Sub(at.seen) >= seenWithin {
			var known bool
			if at, known = g.read(ctx, t, at, now); !known {
				return nil, false
			}
		}
		words[i] = at.word
	}
	return words, true
}

// read asks the remote for a tag of which before is known. It gives false when nothing
// is known and it cannot be asked.
func (g *generations) read(ctx context.Context, t Tag, before generation, now time.Time) (generation, bool) {
	word, _, err := g.remote.get(ctx, t.key())
	g.mu.Lock()
	defer g.mu.Unlock()
	at, known := g.all[t]
	if at != before {
		// It was bumped here meanwhile, or read for another request.
		return at, true
	}
	if err != nil {
		return at, known
	}
	at = generation{word: string(word), seen: now}
	g.put(t, at, now)
	return at, true
}

// bump gives a tag a new generation, here at once and everywhere when the remote has it.
func (g *generations) bump(ctx context.Context, t Tag) error {
	word := rand.Text()
	now := time.Now()
	g.mu.Lock()
	g.put(t, generation{word: word, seen: now, own: g.remote != nil}, now)
	g.mu.Unlock()
	if g.remote == nil {
		return nil
	}
	if err := g.remote.r.Put(ctx, t.key(), []byte(word), g.keep); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.all[t]; at.word == word {
		at.own = false
		g.all[t] = at
	}
	return nil
}

// put is called with the lock.
func (g *generations) put(t Tag, at generation, now time.Time) {
	if len(g.all) >= maxSeen && g.remote != nil {
		for other, old := range g.all {
			if !old.own && now.Sub(old.seen) >= seenWithin {
				delete(g.all, other)
			}
		}
	}
	g.all[t] = at
}

func (t Tag) key() string { return "generation/" + string(t.Kind) + "/" + t.Name }
