package cache

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
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
	// MaxKeep is how long an answer may be kept at most, Fresh and Stale together.
	MaxKeep = 14 * 24 * time.Hour
	// remembered is how long a Remote knows of an Invalidate: longer than any answer is
	// kept, whatever was configured when it was.
	remembered = 2 * MaxKeep
	// seenWithin is how long a node goes by a generation that it has read. settled is how
	// long an Invalidate waits, until every node has to read again: a little longer, for
	// clocks of different pace.
	seenWithin = 250 * time.Millisecond
	settled    = 300 * time.Millisecond
	// maxSeen is how many tags are remembered at most; what is dropped is read again.
	maxSeen = 16 << 10
)

// Generations are the present ones of tags, for all caches of a process. They are part of
// every key: with a new one all answers under the old are out of reach at once, wherever
// they are kept. A generation is a random word, so that nodes need not count together. All
// methods are safe for concurrent use.
type Generations struct {
	// remote nil is for a node alone.
	remote *shared
	log    zerolog.Logger

	mu  sync.RWMutex
	all map[Tag]generation
}

type generation struct {
	word string
	// seen is when the remote said so; own is true where it was never told.
	seen time.Time
	own  bool
}

// NewGenerations makes those of a process, which it shares with others through r; nil for
// a process alone.
func NewGenerations(r Remote, log zerolog.Logger) *Generations {
	g := &Generations{log: log, all: make(map[Tag]generation)}
	if r != nil {
		g.remote = &shared{r: r}
	}
	return g
}

// Invalidate makes all answers that have to do with the tags be asked for anew: here from
// now on, and on every node that shares the Remote from the first request that begins
// after it returned, which takes a third of a second. With an error, a fault of the
// Remote or of ctx, only this node is sure to know; it is to be tried again.
func (g *Generations) Invalidate(ctx context.Context, tags ...Tag) error {
	var errs []error
	for _, t := range tags {
		errs = append(errs, g.bump(ctx, t))
	}
	if err := errors.Join(errs...); err != nil || g.remote == nil || len(tags) == 0 {
		return err
	}
	wait := time.NewTimer(settled)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "invalidate", ctx.Err())
	}
}

// of gives the generations of tags: what was read a moment ago, or is read now. ok is
// false when it cannot be read, for then they may be others.
func (g *Generations) of(ctx context.Context, tags [5]Tag) (words []string, ok bool) {
	words = make([]string, len(tags))
	var keys []string
	var asked []int
	now := time.Now()
	g.mu.RLock()
	for i, t := range tags {
		at := g.all[t]
		words[i] = at.word
		if g.remote != nil && t.Name != "" && !at.own && now.Sub(at.seen) >= seenWithin {
			keys, asked = append(keys, t.key()), append(asked, i)
		}
	}
	g.mu.RUnlock()
	if len(keys) == 0 {
		return words, true
	}
	values, err := g.remote.recall(ctx, keys...)
	if err != nil {
		tell(g.log, "reading generations", err)
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, i := range asked {
		words[i] = g.take(tags[i], generation{word: string(values[n]), seen: now})
	}
	return words, true
}

// take notes what was read, unless more is known by now: it was bumped here meanwhile, or
// read later. It is called with the lock.
func (g *Generations) take(t Tag, read generation) string {
	if at := g.all[t]; at.own || at.seen.After(read.seen) {
		return at.word
	}
	g.put(t, read)
	return read.word
}

// bump gives a tag a new generation, here at once and elsewhere when the remote has it.
func (g *Generations) bump(ctx context.Context, t Tag) error {
	word := rand.Text()
	g.mu.Lock()
	g.put(t, generation{word: word, seen: time.Now(), own: g.remote != nil})
	g.mu.Unlock()
	if g.remote == nil {
		return nil
	}
	if err := g.remote.r.Keep(ctx, t.key(), []byte(word), remembered); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.all[t]; at.word == word {
		// What was read before this moment may be the word before.
		g.all[t] = generation{word: word, seen: time.Now()}
	}
	return nil
}

// put is called with the lock.
func (g *Generations) put(t Tag, at generation) {
	if len(g.all) >= maxSeen && g.remote != nil {
		for other, old := range g.all {
			if !old.own && at.seen.Sub(old.seen) >= seenWithin {
				delete(g.all, other)
			}
		}
	}
	g.all[t] = at
}

// key is what the remote knows a tag by: names may be of any length.
func (t Tag) key() string {
	name := sha256.Sum256([]byte(t.Name))
	return "generation/" + string(t.Kind) + "/" + hex.EncodeToString(name[:])
}
