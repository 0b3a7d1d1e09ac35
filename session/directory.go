package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-hub/parley/core"
)

// Directory knows which person an account is.
type Directory interface {
	// PersonOf names the person behind a sender, as it is when it is asked: a link that
	// was taken away before is never told. It is asked for every turn, so it is cheap.
	PersonOf(ctx context.Context, sender core.Sender) (core.PersonID, error)
	// Guess is what PersonOf said last, as far as this process knows. It always answers,
	// and others may have changed it since: good for where to leave a message, since the
	// turn asks again; never for what to remember.
	Guess(sender core.Sender) core.PersonID
	// Lives tells whether any account is this person. It is false for one that
	// became part of another: whose memory goes where its accounts went.
	Lives(ctx context.Context, person core.PersonID) (bool, error)
}

// Link says which person the account is that PersonOf derives Base for. An account
// without a link is the person Base itself.
type Link struct {
	Base core.PersonID
	// Person is empty where a link is gone.
	Person core.PersonID
}

// Mark is a state of the links.
type Mark struct {
	// Life is that of the server which told it.
	Life int64
	// Version grows with every change.
	Version int64
}

// Links is where links are kept.
type Links interface {
	// Since gives the links that changed behind a mark, as they are now, and the mark of
	// what it gave; all tells that they are all there are, whatever was known before. It
	// may give again what is known.
	Since(ctx context.Context, since Mark) (changed []Link, all bool, now Mark, err error)
}

// Linked is the Directory of linked accounts. It answers from memory. What this process
// changes it must change through Change. Where links are shared with other processes,
// every question first asks the store what changed since the last one: one read for all
// who ask at the same time. It is safe for concurrent use.
type Linked struct {
	links  Links
	shared bool
	// changing lets one change or look at the store through at a time, so that changes
	// are seen in the order in which they were stored. Who holds it has put a value in.
	changing chan struct{}
	// asked counts the questions. Those up to looked were answered by a look at the store
	// that began after them, which ended with lookErr. Both belong to who holds changing.
	asked   atomic.Int64
	looked  int64
	lookErr error

	mu      sync.RWMutex
	mark    Mark
	persons map[core.PersonID]core.PersonID // by base
	members map[core.PersonID]int           // how many links lead to a person
	// stale is true while it is not known what the store holds.
	stale bool
}

// lookWithin bounds a look at what changed: many wait for it, platforms among them.
const lookWithin = 2 * time.Second

// NewLinked reads the links; shared says that other processes may change them too.
func NewLinked(ctx context.Context, links Links, shared bool) (*Linked, error) {
	l := &Linked{
		links: links, shared: shared, changing: make(chan struct{}, 1),
		persons: map[core.PersonID]core.PersonID{}, members: map[core.PersonID]int{},
	}
	return l, l.read(ctx)
}

// read takes over what changed in the store. Its caller holds changing.
func (l *Linked) read(ctx context.Context) error {
	changed, all, now, err := l.links.Since(ctx, l.mark)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stale = true
		return fmt.Errorf("read links: %w", err)
	}
	if all {
		l.persons, l.members = make(map[core.PersonID]core.PersonID, len(changed)), map[core.PersonID]int{}
	}
	for _, link := range changed {
		l.put(link)
	}
	l.mark, l.stale = now, false
	return nil
}

// put notes one link, or that it is gone; a base that is its own person needs none,
// but is counted.
func (l *Linked) put(link Link) {
	l.drop(link.Base)
	if link.Person == "" {
		return
	}
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
// fails, nobody knows whether the store has it, so what changed is read; until that
// succeeds, questions wait for it.
func (l *Linked) Change(ctx context.Context, do func(ctx context.Context) (Delta, error)) error {
	if l.shared {
		// What others did before and after is in no order with it: whoever asks looks.
		_, err := do(ctx)
		return err
	}
	if err := l.hold(ctx); err != nil {
		return err
	}
	defer l.letGo()
	d, err := do(ctx)
	if err != nil {
		// The change's own failure is what matters; a look that fails is made up for
		// with the next question.
		_ = l.read(context.WithoutCancel(ctx))
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

func (l *Linked) hold(ctx context.Context) error {
	select {
	case l.changing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Linked) letGo() { <-l.changing }

// fresh makes sure that what is in memory is not older than this call.
func (l *Linked) fresh(ctx context.Context) error {
	l.mu.RLock()
	known := !l.shared && !l.stale
	l.mu.RUnlock()
	if known {
		return nil
	}
	question := l.asked.Add(1)
	if err := l.hold(ctx); err != nil {
		return err
	}
	defer l.letGo()
	if l.looked >= question {
		return l.lookErr
	}
	// All who asked until here are answered too, whatever becomes of this caller.
	l.looked = l.asked.Load()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin)
	defer cancel()
	l.lookErr = l.read(ctx)
	return l.lookErr
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
	return l.known(base), nil
}

// Guess implements Directory.
func (l *Linked) Guess(s core.Sender) core.PersonID { return l.known(s.Person()) }

// GuessOf is Guess for the base of an account.
func (l *Linked) GuessOf(base core.PersonID) core.PersonID { return l.known(base) }

func (l *Linked) known(base core.PersonID) core.PersonID {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if person, linked := l.persons[base]; linked {
		return person
	}
	return base
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
