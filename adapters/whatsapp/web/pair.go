//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"github.com/parley-hub/parley/core/fault"
)

// pairing is one try to link the device.
type pairing struct {
	*connection
	codes chan []string
	// linked is closed when the phone has linked the device, and ready when it may log in.
	linked, ready chan struct{}
}

// Pair links the device to the account whose phone scans one of the codes that show is
// given, one after the other as they expire. It returns nil when it is linked and has
// logged in once; ErrPaired or ErrUnread, in a fault, for what they say.
func (d *Device) Pair(ctx context.Context, show func(Code)) error {
	if err := d.prepare(); err != nil {
		return err
	}
	// A device that is linked is connected, so this is looked at before waiting for it.
	if paired, err := d.Paired(ctx); paired || err != nil {
		return errors.Join(err, d.pairedFault(paired))
	}
	claim, err := d.reserve(ctx)
	if err != nil {
		return fault.New(fault.Retryable, "pair", err)
	}
	err = d.link(ctx, show)
	d.unclaim(claim)
	if err != nil {
		return err
	}
	// The phone waits until the device it linked has logged in. If that fails now, it will
	// be tried again whenever the device is used.
	_, done, err := d.use(ctx)
	if err != nil {
		d.o.Log.Warn().Err(err).Msg("the device is linked and could not log in yet")
		return nil
	}
	done()
	return nil
}

func (d *Device) pairedFault(paired bool) error {
	if !paired {
		return nil
	}
	return fault.New(fault.Permanent, "pair", fmt.Errorf("account %s is %w", d.o.Account, ErrPaired))
}

// link shows codes until one was scanned.
func (d *Device) link(ctx context.Context, show func(Code)) error {
	p := &pairing{connection: newConnection(d), codes: make(chan []string, 1), linked: make(chan struct{}), ready: make(chan struct{})}
	defer p.close()
	container, device, err := d.load(ctx, true, p.storeFailed)
	if err != nil {
		close(p.dialled)
		return err
	}
	p.store = container
	if device.ID != nil { // by another process, meanwhile
		close(p.dialled)
		return d.pairedFault(true)
	}
	p.client = d.newClient(device, p.network)
	p.client.AddEventHandler(p.event)
	if err := p.connect(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(loginWithin)
	defer timer.Stop()
	select {
	case codes := <-p.codes:
		return p.show(ctx, codes, show)
	case <-p.over:
		return p.err
	case <-timer.C:
		return fault.New(fault.Retryable, "pair", errNoLogin)
	case <-ctx.Done():
		return fault.New(fault.Retryable, "pair", ctx.Err())
	}
}

// show shows one code after the other.
func (p *pairing) show(ctx context.Context, codes []string, show func(Code)) error {
	valid := p.d.qrFirst
	for _, text := range codes {
		show(Code{Text: text, For: valid})
		timer := time.NewTimer(valid)
		valid = p.d.qrNext
		select {
		case <-timer.C:
			continue
		case <-p.linked:
			timer.Stop()
			return p.settle(ctx)
		case <-p.over:
			timer.Stop()
			if fault.ClassOf(p.err) == fault.Retryable {
				return p.unread() // WhatsApp hangs up when the codes are used up
			}
			return p.err
		case <-ctx.Done():
			timer.Stop()
			return fault.New(fault.Retryable, "pair", ctx.Err())
		}
	}
	return p.unread()
}

func (p *pairing) unread() error {
	return fault.New(fault.Retryable, "pair", fmt.Errorf("account %s: %w", p.d.o.Account, ErrUnread))
}

// settle waits until WhatsApp asks the new device to come back as what it now is. The
// device is stored by then, so nothing depends on it.
func (p *pairing) settle(ctx context.Context) error {
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-timer.C:
	case <-p.over:
	case <-ctx.Done():
	}
	return nil
}

// errPairing is for a phone whose answer the device cannot believe.
var errPairing = errors.New("the phone's answer to the code is not valid; try again")

func (p *pairing) event(evt any) {
	switch e := evt.(type) {
	case *events.QR:
		select {
		case p.codes <- e.Codes:
		default:
		}
	case *events.PairSuccess:
		close(p.linked)
	case *events.ManualLoginReconnect:
		close(p.ready)
	case *events.PairError:
		p.finish(fault.New(fault.Retryable, "pair", fmt.Errorf("account %s: %w (%s)", p.d.o.Account, errPairing, redact(e.Error.Error()))))
	case *events.QRScannedWithoutMultidevice:
		p.d.o.Log.Warn().Msg("the phone that scanned the code is too old to link devices")
	default:
		p.connection.event(evt)
	}
}
