package adapters

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// part is what a Supervisor keeps running: a whole receiver, or one of its parts.
type part struct {
	s   *Supervisor
	log zerolog.Logger
	// claim names what must be single; without a name every node may receive.
	claim  Claim
	health health
	run    func(ctx context.Context, held Held, in Inbox) error

	mu sync.Mutex
	// alive is true while the adapter's Run is under way. What a life of the
	// receiver says about its health counts only until that life is over.
	alive bool
}

// keep receives until ctx ends.
func (p *part) keep(ctx context.Context) {
	var held Held
	defer func() { p.release(ctx, held) }()
	for failures := 0; ctx.Err() == nil; {
		if held == nil && p.s.single != nil && p.claim.Name != "" {
			if held = p.hold(ctx); held == nil {
				continue
			}
			failures = 0
			p.health.set(StateStarting, CodeStarting, "", nil)
		}
		began := time.Now()
		err := p.receive(ctx, held)
		if ctx.Err() != nil {
			return
		}
		if letGo(held) {
			p.standBy(ctx, held)
			held = nil
			continue
		}
		if time.Since(began) >= steadyAfter {
			failures = 0
		}
		failures++
		wait := p.assess(err, failures)
		p.log.Debug().Err(err).Dur("wait", wait).Int("failures", failures).Msg("receiver is started again after a wait")
		if wait > keepFor {
			p.release(ctx, held)
			held = nil
		}
		sleep(ctx, wait)
		if letGo(held) {
			p.standBy(ctx, held)
			held = nil
		}
	}
}

// standBy lets go of what another node does from now on.
func (p *part) standBy(ctx context.Context, held Held) {
	p.health.set(StateStandby, CodeStandby, "it goes to another node", nil)
	p.release(ctx, held)
}

// letGo tells whether what is held is to be let go of.
func letGo(held Held) bool {
	if held == nil {
		return false
	}
	select {
	case <-held.Done():
		return true
	default:
		return !held.Valid()
	}
}

// hold waits for what must be single; nil when that failed.
func (p *part) hold(ctx context.Context) Held {
	held, err := p.s.single.Hold(ctx, p.claim, func(holder string) {
		p.health.set(StateStandby, CodeStandby, "received by "+holder, nil)
	})
	if err == nil {
		return held
	}
	if ctx.Err() == nil {
		p.assess(err, 1)
		sleep(ctx, holdAgain)
	}
	return nil
}

// release lets another node have what is held, whether or not ctx is over.
func (p *part) release(ctx context.Context, held Held) {
	if held == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := held.Release(ctx); err != nil {
		p.log.Warn().Err(err).Msg("other nodes must wait until this one's hold is over")
	}
}

// assess sets the state that follows from err and gives the wait before the next start.
func (p *part) assess(err error, failures int) time.Duration {
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
		p.health.set(StateHealing, code, text, err)
		return max(fault.Wait(err), leastWait)
	case fault.NeedsHuman:
		p.health.set(StateNeedsHuman, code, text, err)
		return jitter(humanEvery)
	case fault.Permanent, fault.Bug:
		p.health.set(StateFatal, code, text, err)
		return jitter(fatalEvery)
	case fault.Retryable:
	}
	p.health.set(StateHealing, code, text, err)
	return max(fault.Wait(err), p.s.backoff(failures))
}

// receive is one life of the receiver, which ends with what is held. It counts as healthy
// once it said that it is connected, took in something or has run for a while; until then
// an earlier trouble stays visible.
func (p *part) receive(ctx context.Context, held Held) (err error) {
	if held != nil {
		life, end := context.WithCancel(ctx)
		defer end()
		watching := make(chan struct{})
		defer func() { <-watching }()
		defer end()
		go func() {
			defer close(watching)
			select {
			case <-held.Done():
				end()
			case <-life.Done():
			}
		}()
		ctx = life
	}
	if p.s.serve != nil {
		receiver, wait := p.beside(ctx)
		defer wait()
		ctx = receiver
	}
	p.setAlive(true)
	settle := time.AfterFunc(settleAfter, p.healthy)
	defer func() {
		if v := recover(); v != nil {
			p.log.Error().Bytes("stack", debug.Stack()).Msg("receiver panicked")
			err = fault.New(fault.Bug, "receive", panicked{v}, fault.WithRef(fault.NewRef()))
		}
		settle.Stop()
		p.setAlive(false)
	}()
	if err := p.run(ctx, held, watchedInbox{p.s.inbox, p, held}); err != nil {
		return err
	}
	return fault.New(fault.Retryable, "receive", errStopped)
}

// beside serves for as long as a life of the receiver lasts. It gives the receiver's
// context, which ends once the serving did: what is being sent needs the connection. wait
// ends the serving where the receiver ended first.
func (p *part) beside(ctx context.Context) (receiver context.Context, wait func()) {
	receiver, end := context.WithCancel(context.WithoutCancel(ctx))
	serving, stop := context.WithCancel(ctx)
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer end()
		if err := p.s.serve(serving); err != nil {
			p.log.Error().Err(err).Msg("replies of the account cannot be brought out")
		}
	}()
	return receiver, func() {
		stop()
		<-served
	}
}

func (p *part) setAlive(alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive = alive
}

func (p *part) healthy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive {
		p.health.set(StateHealthy, CodeHealthy, "", nil)
	}
}

// watchedInbox notices that something came in, or may, and refuses what a receiver brings
// that may not receive any more.
type watchedInbox struct {
	Inbox
	p    *part
	held Held
}

// Connected is told by the receiver.
func (w watchedInbox) Connected() { w.p.healthy() }

func (w watchedInbox) Accept(ctx context.Context, e core.Envelope) error {
	if err := fenced(w.held); err != nil {
		return err
	}
	err := w.Inbox.Accept(ctx, e)
	if err == nil {
		w.p.healthy()
	}
	return err
}
