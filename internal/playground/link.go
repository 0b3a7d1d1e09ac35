package playground

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

// linkable is a phone that links the hub to its account by scanning a code.
type linkable interface {
	phone
	// adapter is the hub's own way to the platform, alone.
	adapter(channel configs.Channel, stateDir string) (adapters.Adapter, error)
	// linked tells whether the phone knows the hub as a device.
	linked() bool
	// scan reads a code; it returns when the device has confirmed.
	scan(ctx context.Context, code string) error
	// unlink removes all devices.
	unlink() error
}

const (
	// scanWithin is how long a device may take to confirm.
	scanWithin = 20 * time.Second
	// strangerWithin is how long it may take to learn that nobody knows a device.
	strangerWithin = 30 * time.Second
)

// linker links one phone, through the hub's adapter.
type linker struct {
	p     *Playground
	seat  *seat
	phone linkable
	// dir is where the adapter keeps the device.
	dir string
	// asked has a value when codes are wanted.
	asked chan struct{}

	mu    sync.Mutex
	state console.Linking
	// shown is not nil while codes are got; closed when the first is there or none comes.
	shown chan struct{}
	first sync.Once
}

func newLinker(p *Playground, s *seat, ph linkable, dir string) *linker {
	return &linker{p: p, seat: s, phone: ph, dir: dir, asked: make(chan struct{}, 1)}
}

// Linking implements console.Playground.
func (p *Playground) Linking(phone string) *console.Linking {
	s := p.seat(phone)
	if s == nil || s.linker == nil {
		return nil
	}
	return s.linker.look()
}

// Pair implements console.Playground.
func (p *Playground) Pair(ctx context.Context, phone string) error {
	s := p.seat(phone)
	if s == nil || s.linker == nil {
		return refused("pair", errNobody)
	}
	select {
	case <-s.linker.ask():
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "pair", ctx.Err())
	}
}

// Scan implements console.Playground.
func (p *Playground) Scan(ctx context.Context, phone string) error {
	s := p.seat(phone)
	if s == nil || s.linker == nil {
		return refused("scan", errNobody)
	}
	return refused("scan", s.linker.scan(ctx))
}

// look tells how far it is; nil when it is linked.
func (l *linker) look() *console.Linking {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil && l.phone.linked() {
		return nil
	}
	state := l.state
	return &state
}

// ask has codes shown, unless they are; the channel is closed when the first is there,
// or none will be.
func (l *linker) ask() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil {
		l.shown, l.first = make(chan struct{}), sync.Once{}
		l.state = console.Linking{Busy: "The hub asks for a code."}
		l.asked <- struct{}{} // the one before was taken: shown was not nil until then
	}
	return l.shown
}

// run links whenever it is asked to, until ctx ends.
func (l *linker) run(ctx context.Context) {
	for {
		select {
		case <-l.asked:
			l.finish(l.pair(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// pair lets the hub's adapter link itself.
func (l *linker) pair(ctx context.Context) error {
	a, err := l.phone.adapter(l.seat.channel, l.dir)
	if err != nil {
		return err
	}
	pairer, ok := a.(adapters.Pairer)
	if !ok {
		return fault.New(fault.Bug, "pair", errNobody)
	}
	err = pairer.Pair(ctx, l.show)
	if !errors.Is(err, adapters.ErrPaired) || l.phone.linked() {
		return err
	}
	// It is the device of a playground that is gone, or was logged out a moment ago. The
	// adapter learns so when it logs in, and forgets it.
	login, stop := context.WithTimeout(ctx, strangerWithin)
	defer stop()
	if err := a.Run(login, closed{}); err != nil && fault.ClassOf(err) != fault.NeedsHuman {
		return err
	}
	return pairer.Pair(ctx, l.show)
}

// closed is an inbox that takes nothing.
type closed struct{}

var errClosed = errors.New("nothing is taken while the account is linked")

// Accept implements adapters.Inbox.
func (closed) Accept(context.Context, core.Envelope) error {
	return fault.New(fault.Retryable, "accept", errClosed)
}

// show shows a code.
func (l *linker) show(c adapters.PairingCode) {
	l.mu.Lock()
	l.state = console.Linking{Code: c.Text, Until: time.Now().Add(c.For)}
	l.first.Do(func() { close(l.shown) })
	l.mu.Unlock()
	l.p.incidents.touch(l.seat.info.ID)
}

// finish tells how it went; an account that is linked joins the hub.
func (l *linker) finish(err error) {
	l.mu.Lock()
	l.first.Do(func() { close(l.shown) })
	l.shown, l.state = nil, console.Linking{}
	switch {
	case err == nil:
	case errors.Is(err, adapters.ErrCodesExpired):
		l.state.Problem = "No code was scanned in time, and the last one has expired."
	default:
		l.state.Problem = "The hub could not be linked: " + err.Error()
	}
	l.mu.Unlock()
	if err == nil {
		l.p.mu.Lock()
		l.p.again(l.seat.info.Name + " is linked. The hub starts again with the account.")
		l.p.mu.Unlock()
	}
	l.p.incidents.touch(l.seat.info.ID)
}

var errNoCode = errors.New("no code is shown")

// scan lets the phone scan the code that is shown.
func (l *linker) scan(ctx context.Context) error {
	l.mu.Lock()
	code := l.state.Code
	l.mu.Unlock()
	if code == "" {
		return errNoCode
	}
	ctx, stop := context.WithTimeout(ctx, scanWithin)
	defer stop()
	if err := l.phone.scan(ctx, code); err != nil {
		return err
	}
	l.mu.Lock()
	if l.state.Code == code {
		l.state = console.Linking{Busy: "Linked. The hub logs in."}
	}
	l.mu.Unlock()
	l.p.incidents.touch(l.seat.info.ID)
	return nil
}

// unlink logs the hub out from the phone.
func (l *linker) unlink() error {
	if err := l.phone.unlink(); err != nil {
		return refused("unlink", err)
	}
	x := &l.p.incidents
	x.mu.Lock()
	defer x.mu.Unlock()
	x.note(l.seat, fmt.Sprintf("%s removed the hub from its linked devices. It has to be linked again.", l.seat.info.Name), true)
	return nil
}
