//go:build !nowhatsmeow

package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/core/fault"
)

// ackWithin is how long WhatsApp may take to say that it has a message.
const ackWithin = 20 * time.Second

// Device is a device linked to an account. Make it with New; its methods are safe for
// concurrent use.
type Device struct {
	o   Options
	log waLog.Logger
	// qrFirst and qrNext are how long the first code of a set is shown, and the others.
	qrFirst, qrNext time.Duration

	mu sync.Mutex
	// current is the connection there is; nil for none.
	current *connection
	// claim is not nil while Run or Pair waits for the device; closed when it has it.
	claim chan struct{}
	// barred is why WhatsApp turned Run away, until Run is tried again.
	barred error
	// asks are phones' wishes for messages, with the connection that heard of each first.
	asks map[ask]uint64

	// connections is how many there were.
	connections atomic.Uint64
	// sending holds the one message that is on its way: whatsmeow sends one at a time and
	// cannot be called off while it waits for its turn.
	sending chan struct{}
}

// New makes a Device; it makes no call and opens nothing.
func New(o Options) *Device {
	return &Device{
		o: o, log: quiet{o.Log}, qrFirst: time.Minute, qrNext: 20 * time.Second, sending: make(chan struct{}, 1),
		asks: map[ask]uint64{},
	}
}

// process is what whatsmeow keeps for the whole process: the name that phones show for
// linked devices, what reads Signal's messages, and the key that the server's
// certificates are signed with.
var process struct {
	mu    sync.Mutex
	named bool
	root  []byte
	// used is true when a connection relied on WhatsApp's own key.
	used bool
}

var errRoot = errors.New("one process cannot speak to WhatsApp and to a simulator, nor to simulators with different root keys")

// prepare sets what holds for the process, before anything connects.
func (d *Device) prepare() error {
	process.mu.Lock()
	defer process.mu.Unlock()
	if !process.named {
		store.DeviceProps.Os = proto.String("Parley")
		guardSignal()
		process.named = true
	}
	switch {
	case d.o.Endpoint == nil && process.root == nil:
		process.used = true
	case d.o.Endpoint == nil, process.used, process.root != nil && !bytes.Equal(process.root, d.o.RootKey),
		len(d.o.RootKey) != len(whatsmeow.WACertPubKey):
		return fault.New(fault.NeedsHuman, "connect", fmt.Errorf("account %s: %w", d.o.Account, errRoot))
	case process.root == nil:
		process.root = bytes.Clone(d.o.RootKey)
		copy(whatsmeow.WACertPubKey[:], process.root)
	}
	return nil
}

// newClient makes a client that leaves it to us to connect again, acknowledges what was
// taken and no more, and asks the phone for nothing that was said before.
func (d *Device) newClient(device *store.Device, n *network) *whatsmeow.Client {
	client := whatsmeow.NewClient(device, d.log)
	client.EnableAutoReconnect = false
	client.DisableLoginAutoReconnect = true
	client.SynchronousAck = true
	client.EnableDecryptedEventBuffer = true
	client.ManualHistorySyncDownload = true
	socket := n.socketClient()
	client.SetWebsocketHTTPClient(socket)
	client.SetPreLoginHTTPClient(socket)
	client.SetMediaHTTPClient(n.mediaClient())
	return client
}

// Run keeps the device connected until ctx ends, then it returns nil, or until
// something fails: a fault.
func (d *Device) Run(ctx context.Context, h Handler) error {
	if err := d.prepare(); err != nil {
		return err
	}
	c, err := d.takeOver(ctx)
	if err != nil {
		return nil //nolint:nilerr // ctx ended
	}
	err = c.open(ctx, h)
	if err == nil {
		select {
		case <-c.over:
			err = c.err
		case <-ctx.Done():
		}
	}
	c.detach()
	if ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		c.finish(err)
		if fault.ClassOf(err) == fault.NeedsHuman && !errors.Is(err, ErrNotPaired) {
			d.mu.Lock()
			d.barred = err
			d.mu.Unlock()
		}
	}
	d.release(c)
	return err
}

// takeOver waits until nothing is connected and gives a new connection, for one user.
func (d *Device) takeOver(ctx context.Context) (*connection, error) {
	claim, err := d.reserve(ctx)
	if err != nil {
		return nil, err
	}
	c := newConnection(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current, d.claim, d.barred = c, nil, nil
	close(claim)
	return c, nil
}

// reserve waits until nothing is connected and keeps it so: until the claim is closed
// and taken out of the device.
func (d *Device) reserve(ctx context.Context) (claim chan struct{}, err error) {
	claim = make(chan struct{})
	for {
		d.mu.Lock()
		var wait chan struct{}
		switch {
		case d.claim != nil && d.claim != claim:
			wait = d.claim
		case d.current != nil:
			d.claim, wait = claim, d.current.closed
		default:
			d.claim = claim
			d.mu.Unlock()
			return claim, nil
		}
		d.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			d.unclaim(claim)
			return nil, ctx.Err()
		}
	}
}

func (d *Device) unclaim(claim chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claim == claim {
		d.claim = nil
		close(claim)
	}
}

// use gives a connection that is logged in, for a call; done gives it back.
func (d *Device) use(ctx context.Context) (c *connection, done func(), err error) {
	if err := d.prepare(); err != nil {
		return nil, nil, err
	}
	for {
		c, wait, opens, err := d.join()
		if err != nil {
			return nil, nil, err
		}
		if c == nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, nil, fault.New(fault.Retryable, "connect", ctx.Err())
			}
		}
		if opens {
			if err = c.open(ctx, nil); err == nil {
				c.settle(ctx)
			}
		} else {
			err = c.wait(ctx)
		}
		if err != nil {
			if opens {
				c.finish(err)
			}
			d.release(c)
			return nil, nil, err
		}
		return c, func() { d.release(c) }, nil
	}
}

// join gives the connection there is or a new one, which the caller opens, or what to
// wait for before there can be one.
func (d *Device) join() (c *connection, wait <-chan struct{}, opens bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.claim != nil:
		return nil, d.claim, false, nil
	case d.current != nil && d.current.dead():
		return nil, d.current.closed, false, nil
	case d.current != nil:
		d.current.users++
		return d.current, nil, false, nil
	case d.barred != nil:
		return nil, nil, false, d.barred
	default:
		d.current = newConnection(d)
		return d.current, nil, true, nil
	}
}

// release gives a connection back; the last one to do so closes it.
func (d *Device) release(c *connection) {
	d.mu.Lock()
	c.users--
	last := c.users == 0
	if last {
		c.finish(fault.New(fault.Retryable, "connect", errStopped)) // nobody joins it any more
	}
	d.mu.Unlock()
	if !last {
		return
	}
	c.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = nil
	close(c.closed)
}

// Send leaves a message with an id, and gives when WhatsApp took it. The same id again
// is the same message to those who get it.
func (d *Device) Send(ctx context.Context, to Address, id string, o Outgoing) (time.Time, error) {
	jid, err := jidOf(to)
	if err != nil {
		return time.Time{}, err
	}
	c, done, err := d.use(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	select {
	case d.sending <- struct{}{}:
	case <-ctx.Done():
		return time.Time{}, fault.New(fault.Retryable, "send", ctx.Err())
	}
	if o.Edits != "" && d.o.Gone(o.Edits) {
		<-d.sending
		return time.Time{}, fault.New(fault.Permanent, "edit", ErrGone)
	}
	taken := make(chan time.Time, 1)
	err = c.call(ctx, func() error {
		defer func() { <-d.sending }()
		answer, err := c.client.SendMessage(c.ctx, jid, write(o, jid, c.me.get()), whatsmeow.SendRequestExtra{ID: id, Timeout: ackWithin})
		taken <- answer.Timestamp.UTC()
		return err
	})
	if err != nil {
		if c.dead() && fault.ClassOf(c.err) == fault.NeedsHuman && !fault.IsUnsure(sendFault(ctx, err)) {
			return time.Time{}, c.err
		}
		return time.Time{}, sendFault(ctx, err)
	}
	return <-taken, nil
}

// Typing shows in a chat that something is being written.
func (d *Device) Typing(ctx context.Context, to Address) error {
	return d.signal(ctx, "typing", to, func(c *connection, jid types.JID) error {
		return c.client.SendChatPresence(c.ctx, jid, types.ChatPresenceComposing, types.ChatPresenceMediaText)
	})
}

// Read shows the people of a chat that messages of one of them were read.
func (d *Device) Read(ctx context.Context, chat, sender Address, at time.Time, ids ...string) error {
	from, err := jidOf(sender)
	if err != nil {
		return err
	}
	return d.signal(ctx, "read", chat, func(c *connection, jid types.JID) error {
		return c.client.MarkRead(c.ctx, ids, at, jid, from)
	})
}

func (d *Device) signal(ctx context.Context, op string, to Address, f func(*connection, types.JID) error) error {
	jid, err := jidOf(to)
	if err != nil {
		return err
	}
	c, done, err := d.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := c.call(ctx, func() error { return f(c, jid) }); err != nil {
		return callFault(ctx, op, err)
	}
	return nil
}
