package admission

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// wake has Run look.
func (b *Budgets) wake() {
	select {
	case b.some <- struct{}{}:
	default:
	}
}

// Run writes what is spent to the store until ctx ends, and then once more. While the
// store is away, what was spent here counts all the same. It returns nil.
func (b *Budgets) Run(ctx context.Context) error {
	wait := gather
	for {
		select {
		case <-ctx.Done():
		case <-b.some:
			sleep(ctx, wait)
		}
		err := b.write(ctx)
		if ctx.Err() != nil {
			if err != nil {
				b.o.Log.Error().Err(err).Stringer("class", fault.ClassOf(err)).Msg("what was spent of budgets could not be written at the end")
			}
			break
		}
		if err == nil {
			wait = gather
			continue
		}
		b.wake()
		wait = min(2*wait, longestWait)
		b.o.Log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Dur("again", wait).Msg("writing what was spent of budgets")
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// write adds what was spent to the store, and forgets purses that nobody needs. Only Run
// calls it.
func (b *Budgets) write(ctx context.Context) error {
	what, from := b.unwritten()
	if len(what) == 0 {
		return nil
	}
	// What is cut off may have been added, and would be added again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	sums, err := b.o.Store.Add(ctx, what)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range from {
		if err == nil {
			p.see(sums[i])
		} else {
			p.unsaved = p.unsaved.plus(p.writing)
		}
		p.writing = Sum{}
	}
	return err
}

// unwritten takes what is to be written. A purse that is over, or was not asked for
// lately, is dropped when nothing is set aside or unsaved in it: the store has it.
func (b *Budgets) unwritten() ([]Spent, []*purse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var what []Spent
	var from []*purse
	now := time.Now()
	for key, p := range b.purses {
		switch {
		case p.unsaved != (Sum{}):
			p.writing, p.unsaved = p.unsaved, Sum{}
			what, from = append(what, Spent{key, p.writing}), append(from, p)
		case p.open == 0 && p.loading == nil && now.Sub(p.seen) > seenWithin:
			delete(b.purses, key)
		}
	}
	return what, from
}
