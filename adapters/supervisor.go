package adapters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// How a receiver is tried again. The waits without a Backoff are fixed: nothing
// heals faster by asking more often, and somebody who repaired the account should
// see it within the time it takes to look.
const (
	// settleAfter is how long a receiver must run to count as healthy when nothing
	// came in.
	settleAfter = 5 * time.Second
	// steadyAfter is how long it must run for its earlier failures to be forgotten.
	steadyAfter = time.Minute
	// humanEvery is the wait after a NeedsHuman fault.
	humanEvery = time.Minute
	// fatalEvery is the wait after a Permanent or Bug fault.
	fatalEvery = 5 * time.Minute
	// leastWait is the wait after a RateLimited fault that does not say how long.
	leastWait = time.Second
	// holdAgain is the wait after nobody could be asked who receives.
	holdAgain = time.Second
	// keepFor is how long a node that failed keeps what only one may do. Before a longer
	// wait it lets others try: what failed may be its own trouble.
	keepFor = 5 * time.Second
	// releaseWithin bounds the letting go.
	releaseWithin = 2 * time.Second
)

// errStopped is a Run that returned nil although it was not told to end.
var errStopped = errors.New("receiver ended by itself")

// panicked is a panic of an adapter, as an error.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// SupervisorOptions are what a Supervisor is made from. Adapter and Inbox are
// required.
type SupervisorOptions struct {
	Adapter Adapter
	Inbox   Inbox
	Log     zerolog.Logger
	// Backoff gives the waits after Retryable faults; nil means one second,
	// doubling, up to a minute.
	Backoff Backoff
	// Single lets one node at a time receive what Description.Singles names; nil for a
	// hub of one node.
	Single Single
	// Serve is run while this node receives, as Deliverer.Serve for an account that only
	// who receives can send for. Once its context ends, the receiver stays until it
	// returned. May be nil.
	Serve func(ctx context.Context) error
}

// Supervisor keeps one account receiving. Each account has its own, so that what
// fails for one is not felt by another.
type Supervisor struct {
	inbox   Inbox
	single  Single
	serve   func(ctx context.Context) error
	backoff Backoff
	parts   []*part
}

// NewSupervisor makes a Supervisor; it does nothing before Run.
func NewSupervisor(o SupervisorOptions) *Supervisor {
	about := o.Adapter.Describe()
	log := o.Log.With().Str("account", string(about.Account)).Str("platform", about.Platform).Logger()
	if o.Backoff == nil {
		o.Backoff = Doubling(time.Second, time.Minute)
	}
	s := &Supervisor{inbox: o.Inbox, single: o.Single, serve: o.Serve, backoff: o.Backoff}
	starting := Health{
		Account: about.Account, Platform: about.Platform, State: StateStarting, Code: CodeStarting, Since: time.Now(),
	}
	add := func(p *part) { s.parts = append(s.parts, p) }
	if receiver, ok := o.Adapter.(PartReceiver); ok && len(about.Singles) > 1 {
		for _, name := range about.Singles {
			own := log.With().Str("part", name).Logger()
			add(&part{
				s: s, log: own, claim: Claim{about.Account, name, len(about.Singles)},
				health: health{log: own, current: starting},
				run: func(ctx context.Context, held Held, in Inbox) error {
					return receiver.RunPart(ctx, name, keeper(held), in)
				},
			})
		}
		return s
	}
	p := &part{s: s, log: log, health: health{log: log, current: starting}}
	p.run = func(ctx context.Context, _ Held, in Inbox) error { return o.Adapter.Run(ctx, in) }
	if len(about.Singles) > 0 {
		p.claim = Claim{about.Account, about.Singles[0], 1}
		if receiver, ok := o.Adapter.(PartReceiver); ok {
			p.run = func(ctx context.Context, held Held, in Inbox) error {
				return receiver.RunPart(ctx, p.claim.Name, keeper(held), in)
			}
		}
	}
	add(p)
	return s
}

// keeper is nil where nothing is held.
func keeper(held Held) Keeper {
	if held == nil {
		return nil
	}
	return held
}

// Health tells how the account is now: as its worst part is.
func (s *Supervisor) Health() Health {
	worst := s.parts[0].health.get()
	if len(s.parts) == 1 {
		return worst
	}
	var texts []string
	for _, p := range s.parts {
		h := p.health.get()
		if h.Text != "" {
			texts = append(texts, p.claim.Name+": "+h.Text)
		}
		if h.State.rank() > worst.State.rank() {
			worst = h
		}
	}
	worst.Text = strings.Join(texts, "; ")
	return worst
}

// Run receives until ctx ends and returns nil then. Whatever the adapter fails
// with, it is started again: after Backoff when it may heal, as told when it was
// told to wait, every minute when somebody must act and every five minutes when
// it looks hopeless. What only one node may do it does while it holds it, and lets go
// after the adapter's Run returned.
func (s *Supervisor) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	for _, p := range s.parts {
		parts.Go(func() { p.keep(ctx) })
	}
	parts.Wait()
	return nil
}
