package adapters

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
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
	// OnHealth is told each change of state. It must not block. May be nil.
	OnHealth func(Health)
	// Backoff gives the waits after Retryable faults; nil means one second,
	// doubling, up to a minute.
	Backoff Backoff
}

// Supervisor keeps one account receiving. Each account has its own, so that what
// fails for one is not felt by another.
type Supervisor struct {
	adapter Adapter
	inbox   Inbox
	log     zerolog.Logger
	backoff Backoff
	health  health

	mu sync.Mutex
	// alive is true while the adapter's Run is under way. What a life of the
	// receiver says about its health counts only until that life is over.
	alive bool
}

// NewSupervisor makes a Supervisor; it does nothing before Run.
func NewSupervisor(o SupervisorOptions) *Supervisor {
	about := o.Adapter.Describe()
	log := o.Log.With().Str("account", string(about.Account)).Str("platform", about.Platform).Logger()
	if o.Backoff == nil {
		o.Backoff = Doubling(time.Second, time.Minute)
	}
	return &Supervisor{
		adapter: o.Adapter, inbox: o.Inbox, log: log, backoff: o.Backoff,
		health: health{log: log, tell: o.OnHealth, current: Health{
			Account: about.Account, Platform: about.Platform, State: StateStarting, Code: CodeStarting, Since: time.Now(),
		}},
	}
}

// Health tells how the account is now.
func (s *Supervisor) Health() Health { return s.health.get() }

// Run receives until ctx ends and returns nil then. Whatever the adapter fails
// with, it is started again: after Backoff when it may heal, as told when it was
// told to wait, every minute when somebody must act and every five minutes when
// it looks hopeless.
func (s *Supervisor) Run(ctx context.Context) error {
	for failures := 0; ; {
		began := time.Now()
		err := s.receive(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it ended because it was told to
		}
		if time.Since(began) >= steadyAfter {
			failures = 0
		}
		failures++
		wait := s.assess(err, failures)
		s.log.Debug().Err(err).Dur("wait", wait).Int("failures", failures).Msg("receiver is started again after a wait")
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// assess sets the state that follows from err and gives the wait before the next start.
func (s *Supervisor) assess(err error, failures int) time.Duration {
	text := fault.Public(err)
	if text == "" {
		text = err.Error()
	}
	class := fault.ClassOf(err)
	code := class.String()
	switch {
	case errors.Is(err, errStopped):
		code = CodeStopped
	case errors.As(err, new(panicked)):
		code = CodePanic
	}
	switch class {
	case fault.RateLimited:
		s.health.set(StateHealing, code, text, err)
		return max(fault.Wait(err), leastWait)
	case fault.NeedsHuman:
		s.health.set(StateNeedsHuman, code, text, err)
		return jitter(humanEvery)
	case fault.Permanent, fault.Bug:
		s.health.set(StateFatal, code, text, err)
		return jitter(fatalEvery)
	case fault.Retryable:
	}
	s.health.set(StateHealing, code, text, err)
	return max(fault.Wait(err), s.backoff(failures))
}

// receive is one life of the receiver. It counts as healthy once it said that it
// is connected, took in something or has run for a while; until then an earlier
// trouble stays visible.
func (s *Supervisor) receive(ctx context.Context) (err error) {
	s.setAlive(true)
	settle := time.AfterFunc(settleAfter, s.healthy)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error().Bytes("stack", debug.Stack()).Msg("receiver panicked")
			err = fault.New(fault.Bug, "receive", panicked{p}, fault.WithRef(fault.NewRef()))
		}
		settle.Stop()
		s.setAlive(false)
	}()
	if err := s.adapter.Run(ctx, watchedInbox{s.inbox, s}); err != nil {
		return err
	}
	return fault.New(fault.Retryable, "receive", errStopped)
}

func (s *Supervisor) setAlive(alive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = alive
}

func (s *Supervisor) healthy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive {
		s.health.set(StateHealthy, CodeHealthy, "", nil)
	}
}

// watchedInbox notices that something came in, or may.
type watchedInbox struct {
	Inbox
	s *Supervisor
}

// Connected is told by the receiver.
func (w watchedInbox) Connected() { w.s.healthy() }

func (w watchedInbox) Accept(ctx context.Context, e core.Envelope) error {
	err := w.Inbox.Accept(ctx, e)
	if err == nil {
		w.s.healthy()
	}
	return err
}
