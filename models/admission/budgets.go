package admission

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// seenWithin is how long what other nodes spent may go unseen.
	seenWithin = 5 * time.Second
	// gather is how long what was spent waits for more to be written with it; as much is
	// forgotten with the process at most, while the store is there.
	gather = time.Second
	// writeWithin bounds one step, so that a store that hangs is seen as one that is away,
	// and does not hold up the end for longer.
	writeWithin = 5 * time.Second
	// longestWait is between tries while the store is away; the first wait is gather, and
	// each is twice the one before.
	longestWait = 30 * time.Second
)

// BudgetsOptions make Budgets.
type BudgetsOptions struct {
	// Budgets are valid ones (models.Config.Validate).
	Budgets []models.Budget
	// Zone is where days and months begin; nil for UTC.
	Zone *time.Location
	// Store nil is a Memory.
	Store Store
	Log   zerolog.Logger
}

// Budgets bound what people, roles and accounts spend. What a request may need is
// reserved before it waits, and settled when it is over. Nodes with one store share
// what was spent, a few seconds late, and not what is reserved: together they may go
// beyond a budget by what is under way. All methods are safe for concurrent use.
type Budgets struct {
	o    BudgetsOptions
	some chan struct{}
	// rules are what holds now; they are exchanged, never changed.
	rules atomic.Pointer[rules]

	mu     sync.Mutex
	purses map[Purse]*purse
}

// purse is what is known of a Purse here.
type purse struct {
	// spent is what the store has, as of seen; loading is closed when it is asked anew.
	spent   Sum
	seen    time.Time
	loading chan struct{}
	// open is how many requests are under way, and reserved what they may need; writing
	// and unsaved are of those over, and not known to be in the store.
	open                       int
	reserved, writing, unsaved Sum
}

// NewBudgets makes budgets. What is spent gets to the store by Run.
func NewBudgets(o BudgetsOptions) *Budgets {
	if o.Store == nil {
		o.Store = NewMemory()
	}
	b := &Budgets{o: o, some: make(chan struct{}, 1), purses: make(map[Purse]*purse)}
	b.Reload(o.Budgets, o.Zone)
	return b
}

// bound is a budget's limit on one purse.
type bound struct {
	key    Purse
	until  time.Time
	budget models.Budget
	limit  models.Limit
}

// bounds are the limits that hold for a payer.
func (b *Budgets) bounds(now time.Time, p models.Payer) []bound {
	var all []bound
	rules := b.rules.Load()
	for _, budget := range rules.budgets {
		name := map[models.Scope]string{models.ScopePerson: p.Person, models.ScopeRole: p.Role, models.ScopeAccount: p.Account}[budget.Scope]
		if name == "" || budget.Name != "" && budget.Name != name {
			continue
		}
		for _, at := range []bound{{key: Purse{Span: Day}, limit: budget.Day}, {key: Purse{Span: Month}, limit: budget.Month}} {
			if at.limit == (models.Limit{}) {
				continue
			}
			from, until := at.key.Span.begins(now, rules.zone)
			at.key.Scope, at.key.Name, at.key.Starts = budget.Scope, name, from.UTC()
			at.until, at.budget = until, budget
			all = append(all, at)
		}
	}
	return all
}

// Reserve sets aside what a request may need, for a payer, at now. Without room it
// gives a RateLimited fault that wraps an Exceeded, and waits until the budget begins
// anew, or ErrSetAside, and waits for others that are under way. A store that cannot be
// read is its fault. The Reservation must be settled or released.
func (b *Budgets) Reserve(ctx context.Context, now time.Time, p models.Payer, want Sum) (*Reservation, error) {
	bounds := b.bounds(now, p)
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		key, stale := b.stale(now, bounds)
		if !stale {
			break
		}
		if err := b.load(ctx, now, key); err != nil {
			return nil, err
		}
	}
	if err := b.refusal(now, bounds, want); err != nil {
		return nil, err
	}
	r := &Reservation{budgets: b, want: want}
	for _, at := range bounds {
		// Two budgets may bound one purse.
		if mine := b.purses[at.key]; !slices.Contains(r.purses, mine) {
			mine.open++
			mine.reserved = mine.reserved.plus(want)
			r.purses = append(r.purses, mine)
		}
	}
	return r, nil
}

// refusal gives the fault of the budget that is short for the longest time. It is called
// with the lock.
func (b *Budgets) refusal(now time.Time, bounds []bound, want Sum) error {
	var worst *Exceeded
	crowded := false
	for _, at := range bounds {
		mine := b.purses[at.key]
		spent := mine.spent.plus(mine.writing).plus(mine.unsaved)
		left := Sum{max(at.limit.Tokens-spent.Tokens, 0), max(at.limit.Cost-spent.Cost, 0)}
		tokens, cost := at.limit.Tokens > 0, at.limit.Cost > 0
		short := tokens && want.Tokens > left.Tokens || tokens && left.Tokens == 0
		dear := cost && want.Cost > left.Cost || cost && left.Cost == 0
		crowded = crowded || tokens && want.plus(mine.reserved).Tokens > left.Tokens || cost && want.plus(mine.reserved).Cost > left.Cost
		if (short || dear) && (worst == nil || at.until.After(worst.Resets)) {
			worst = &Exceeded{Budget: at.budget, Span: at.key.Span, Cost: !short, Left: left, Resets: at.until}
		}
	}
	switch {
	case worst != nil:
		return worst.fault(now)
	case crowded:
		return setAside()
	default:
		return nil
	}
}

// stale finds a purse that was not seen of late. It is called with the lock.
func (b *Budgets) stale(now time.Time, bounds []bound) (Purse, bool) {
	for _, at := range bounds {
		if p, ok := b.purses[at.key]; !ok || p.seen.IsZero() || now.Sub(p.seen) >= seenWithin {
			return at.key, true
		}
	}
	return Purse{}, false
}

// load asks the store for a purse, or waits for who asks already. It is called with the
// lock, and has it again when it returns.
func (b *Budgets) load(ctx context.Context, now time.Time, key Purse) error {
	p, ok := b.purses[key]
	if !ok {
		p = &purse{}
		b.purses[key] = p
	}
	if loading := p.loading; loading != nil {
		b.mu.Unlock()
		defer b.mu.Lock()
		select {
		case <-loading:
			return nil
		case <-ctx.Done():
			return fault.New(fault.Retryable, "reserve budget", ctx.Err())
		}
	}
	loaded := make(chan struct{})
	p.loading = loaded
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	sum, err := b.o.Store.Spent(ctx, key)
	b.mu.Lock()
	close(loaded)
	p.loading = nil
	if err == nil {
		p.see(sum)
		p.seen = now
	}
	return err
}

// see takes what the store has. A sum that was read before another was added comes late:
// sums only grow.
func (p *purse) see(sum Sum) {
	p.spent = Sum{max(p.spent.Tokens, sum.Tokens), max(p.spent.Cost, sum.Cost)}
}

// Reservation is what is set aside for one request.
type Reservation struct {
	budgets *Budgets
	want    Sum
	purses  []*purse
	over    bool
}

// Settle ends a reservation: used is what the request really used, in the day and the
// month in which it was reserved. Only the first Settle or Release counts.
func (r *Reservation) Settle(used Sum) {
	b := r.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.over {
		return
	}
	r.over = true
	for _, p := range r.purses {
		p.open--
		p.reserved = p.reserved.minus(r.want)
		p.unsaved = p.unsaved.plus(used)
	}
	if used != (Sum{}) && len(r.purses) > 0 {
		b.wake()
	}
}

// Release ends a reservation of which nothing was used.
func (r *Reservation) Release() { r.Settle(Sum{}) }
