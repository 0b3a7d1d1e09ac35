package session

import (
	"context"
	"fmt"
	"sync"

	"github.com/parley-hub/parley/core"
)

// Directory knows which person an account is.
type Directory interface {
	// PersonOf names the person behind a sender. It is asked for every message, so
	// an implementation answers from memory.
	PersonOf(ctx context.Context, sender core.Sender) (core.PersonID, error)
	// Lives tells whether any account is this person. It is false for one that
	// became part of another: whose memory goes where its accounts went.
	Lives(ctx context.Context, person core.PersonID) (bool, error)
}

// Unlinked is the Directory in which every account is a person of its own.
type Unlinked struct{}

// PersonOf derives the person from the sender's realm and id.
func (Unlinked) PersonOf(_ context.Context, s core.Sender) (core.PersonID, error) {
	return s.Person(), nil
}

// Lives is always true: nobody becomes part of anybody.
func (Unlinked) Lives(context.Context, core.PersonID) (bool, error) { return true, nil }

// Link says which person the account is that PersonOf derives Base for. An account
// without a link is the person Base itself.
type Link struct {
	Base   core.PersonID
	Person core.PersonID
}

// Links is where links are kept.
type Links interface {
	// All gives every link there is.
	All(ctx context.Context) ([]Link, error)
}

// Linked is the Directory of linked accounts. It answers from memory; what this
// process changes it must change through Change, and what another one changed it
// learns by Reload. It is safe for concurrent use.
type Linked struct {
	links Links
	// changing lets one change of the store at a time through, so that changes are
	// seen in the order in which they were stored.
	changing sync.Mutex

	mu      sync.RWMutex
	persons map[core.PersonID]core.PersonID // by base
	members map[core.PersonID]int           // how many links lead to a person
	// stale is true while it is not known what the store holds.
	stale bool
}

// NewLinked reads the links.
func NewLinked(ctx context.Context, links Links) (*Linked, error) {
	l := &Linked{links: links}
	return l, l.Reload(ctx)
}

// Reload reads all links again.
func (l *Linked) Reload(ctx context.Context) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	return l.reload(ctx)
}

func (l *Linked) reload(ctx context.Context) error {
	all, err := l.links.All(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stale = true
		return fmt.Errorf("read links: %w", err)
	}
	l.persons, l.members, l.stale = make(map[core.PersonID]core.PersonID, len(all)), map[core.PersonID]int{}, false
	for _, link := range all {
		l.put(link)
	}
	return nil
}

// put notes one link; a base that is its own person needs none, but is counted.
func (l *Linked) put(link Link) {
	l.drop(link.Base)
	l.persons[link.Base] = link.Person
	l.members[link.Person]++
}

func (l *Linked) drop(base core.PersonID) {
	old, linked := l.persons[base]
	if !linked {
		return
	}
	delete(l.persons, base)
	if l.members[old]--; l.members[old] == 0 {
		delete(l.members, old)
	}
}

// Delta is what a change did to the links.
type Delta struct {
	Set []Link
	// Removed are the bases that have no link any more.
	Removed []core.PersonID
}

// Change lets do change the store and takes over what it did, before anybody is
// told that it happened: from the return on, every answer is the new one. When do
// fails, nobody knows whether the store has it, so all is read again; until that
// succeeds, questions wait for it.
func (l *Linked) Change(ctx context.Context, do func(ctx context.Context) (Delta, error)) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	d, err := do(ctx)
	if err != nil {
		// The change's own failure is what matters; a reload that fails is made up for
		// with the next question.
		_ = l.reload(context.WithoutCancel(ctx))
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, base := range d.Removed {
		l.drop(base)
	}
	for _, link := range d.Set {
		l.put(link)
	}
	return nil
}

// fresh makes sure that what is in memory is what is stored.
func (l *Linked) fresh(ctx context.Context) error {
	l.mu.RLock()
	stale := l.stale
	l.mu.RUnlock()
	if !stale {
		return nil
	}
	l.changing.Lock()
	defer l.changing.Unlock()
	if !l.stale { // only written by who holds changing
		return nil
	}
	return l.reload(ctx)
}

// PersonOf implements Directory.
func (l *Linked) PersonOf(ctx context.Context, s core.Sender) (core.PersonID, error) {
	return l.Person(ctx, s.Person())
}

// Person is whom the account is that PersonOf derives base for.
func (l *Linked) Person(ctx context.Context, base core.PersonID) (core.PersonID, error) {
	if err := l.fresh(ctx); err != nil {
		return "", err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if person, linked := l.persons[base]; linked {
		return person, nil
	}
	return base, nil
}

// Lives implements Directory.
func (l *Linked) Lives(ctx context.Context, person core.PersonID) (bool, error) {
	if err := l.fresh(ctx); err != nil {
		return false, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, linked := l.persons[person]
	return !linked || l.members[person] > 0, nil
}
