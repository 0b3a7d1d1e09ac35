//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// loginWithin is how long logging in may take, closeWithin how long a connection may
	// take to notice that it was hung up.
	loginWithin = 45 * time.Second
	closeWithin = 2 * time.Second
	// flushWithin is how long what was acknowledged last may be on its way.
	flushWithin = time.Second
)

// connection is one connection of the device, with a client and a store of its own.
type connection struct {
	d *Device
	// number tells the device's connections apart.
	number  uint64
	client  *whatsmeow.Client
	store   *opened
	network *network
	// ctx lives as long as the connection: it is what whatsmeow takes it for.
	ctx    context.Context //nolint:containedctx // the connection's own lifetime
	cancel context.CancelFunc
	// dialled is closed when whatsmeow has come back from connecting.
	dialled chan struct{}

	// loggedIn, caughtUp (what waited has come) and over are closed when they are true,
	// closed when it is put away. err says why it is over.
	loggedIn, caughtUp, over, closed chan struct{}
	login, catchUp, end              sync.Once
	err                              error

	// me is this account.
	me identityBox

	// lost is true when the connection ended by itself.
	lost atomic.Bool
	// unlinked is true when WhatsApp does not know the device any more.
	unlinked atomic.Bool

	// users are the calls that use it; the device's mutex guards it.
	users int
	// calls are what those calls let whatsmeow do.
	calls sync.WaitGroup

	// handling is held while handler is called; nil when nobody takes messages.
	handling sync.Mutex
	handler  Handler
	refused  bool
	// closing is true when nothing is to be acknowledged any more.
	closing atomic.Bool
	take    context.Context //nolint:containedctx // ends what the handler does
	untake  context.CancelFunc
}

func newConnection(d *Device) *connection {
	c := &connection{
		d: d, number: d.connections.Add(1), network: &network{endpoint: d.o.Endpoint}, users: 1,
		dialled: make(chan struct{}), loggedIn: make(chan struct{}), caughtUp: make(chan struct{}), over: make(chan struct{}),
		closed: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.take, c.untake = context.WithCancel(context.Background())
	return c
}

// open connects and logs in, within ctx. What comes in goes to h; nil for nobody.
func (c *connection) open(ctx context.Context, h Handler) error {
	ctx, stop := context.WithTimeout(ctx, loginWithin)
	defer stop()
	err := c.dial(ctx, h)
	if err != nil {
		c.finish(err)
		return c.err
	}
	return c.wait(ctx)
}

// dial begins the connection; logging in goes on by itself.
func (c *connection) dial(ctx context.Context, h Handler) error {
	container, device, err := c.d.load(ctx, false, c.storeFailed)
	if err != nil {
		close(c.dialled)
		return err
	}
	c.store = container
	if device.ID == nil {
		close(c.dialled)
		return c.d.notPaired()
	}
	c.handler = h
	c.me.set(identity{device.GetJID().ToNonAD(), device.GetLID().ToNonAD()})
	c.client = c.d.newClient(device, c.network)
	c.client.GetMessageForRetry = c.again
	c.client.AddEventHandlerWithSuccessStatus(c.event)
	return c.connect(ctx)
}

// connect lets whatsmeow connect. Its handshake cannot be interrupted, so when ctx ends
// before, it is left to itself for the twenty seconds it may take.
func (c *connection) connect(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		defer close(c.dialled)
		failed <- c.client.ConnectContext(c.ctx)
	}()
	select {
	case err := <-failed:
		if err != nil {
			return connectFault(err)
		}
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "connect", ctx.Err())
	}
}

// wait waits until the device is logged in.
func (c *connection) wait(ctx context.Context) error {
	select {
	case <-c.loggedIn:
		return nil
	case <-c.over:
		return c.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fault.New(fault.Retryable, "connect", errNoLogin)
		}
		return fault.New(fault.Retryable, "connect", ctx.Err())
	}
}

// settle waits until what waited for the device has come: of what was taken back
// meanwhile it is known then. WhatsApp need not say so, and it is not waited for long.
func (c *connection) settle(ctx context.Context) {
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case <-c.caughtUp:
	case <-c.over:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// finish notes why the connection is over; the first reason counts. Calls under way do
// not wait for whatsmeow to connect again, as they would for five seconds.
func (c *connection) finish(err error) {
	c.end.Do(func() {
		c.err = err
		if c.client != nil {
			c.client.DangerousInternals().ExpectDisconnect() //nolint:staticcheck // Disconnect does that too, and races with the end of the connection
		}
		close(c.over)
	})
}

// storeFailed ends the connection when the device's database is away. whatsmeow takes
// what it cannot decrypt then for unreadable, acknowledges it and has it sent again,
// behind what was said since. Once its context has ended it does not: all comes again,
// in order.
func (c *connection) storeFailed(err error) {
	c.finish(c.d.storeFault(context.Background(), err))
	c.cancel()
}

func (c *connection) dead() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// call lets whatsmeow send something, and waits for it until ctx ends. f is not to use
// that context: whatsmeow numbers a frame and then writes it, and when the context ends
// between the two the next frame overtakes it, which WhatsApp takes for a forgery
// (socket/noisesocket.go, SendFrame). What nobody waits for any more ends by itself, with
// the connection at the latest.
func (c *connection) call(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	c.calls.Go(func() { result <- f() })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// detach takes the handler away and waits until it is not at work any more. From here on
// nothing is acknowledged: it comes again.
func (c *connection) detach() {
	c.untake()
	c.closing.Store(true)
	c.handling.Lock()
	defer c.handling.Unlock()
	c.handler = nil
}

// flush waits until what was acknowledged last is written: WhatsApp answers a ping behind
// it. A connection that does not answer is not waited for long.
func (c *connection) flush(ctx context.Context) {
	select {
	case <-c.loggedIn:
	default:
		return
	}
	if c.lost.Load() {
		return
	}
	ctx, stop := context.WithTimeout(ctx, flushWithin)
	defer stop()
	_ = c.call(ctx, func() error { // nothing but that time is lost when it fails
		c.client.DangerousInternals().SendKeepAlive(c.ctx) //nolint:staticcheck // there is no other way to ping
		return nil
	})
}

// close ends the connection and all that came with it.
func (c *connection) close() {
	c.detach()
	c.flush(c.ctx)
	c.finish(fault.New(fault.Retryable, "connect", errStopped))
	c.network.hangUp()
	select {
	case <-c.dialled:
		c.putAway()
	default: // see connect
		go func() {
			<-c.dialled
			c.network.hangUp()
			c.putAway()
		}()
	}
}

// putAway ends what is left of whatsmeow's: with the connection below it gone, it has
// ended everything but what waits for its context. Its own Disconnect would race with that.
func (c *connection) putAway() {
	var err error
	if c.unlinked.Load() {
		err = c.d.forget(c.ctx)
	}
	c.cancel() // before the store is closed, which would look like messages that cannot be read
	c.calls.Wait()
	if c.store != nil {
		err = errors.Join(err, c.store.Close())
	}
	if err != nil {
		c.d.o.Log.Warn().Err(err).Msg("closing the store of the linked device")
	}
}

// event takes what whatsmeow tells. For a message, false means that it is not
// acknowledged.
func (c *connection) event(evt any) bool {
	if _, ok := evt.(*events.LoggedOut); ok {
		c.unlinked.Store(true)
	}
	if err := c.d.ended(evt); err != nil {
		c.lost.Store(true)
		c.finish(err)
		return true
	}
	if c.closing.Load() {
		return false
	}
	switch e := evt.(type) {
	case *events.Connected:
		c.handling.Lock()
		defer c.handling.Unlock()
		if me := c.me.get(); me.hidden.IsEmpty() { // whatsmeow learns it when it logs in
			c.me.set(identity{me.number, c.client.Store.GetLID().ToNonAD()})
		}
		c.login.Do(func() { close(c.loggedIn) })
		if c.handler != nil {
			c.handler.Connected()
		}
	case *events.OfflineSyncCompleted:
		c.catchUp.Do(func() { close(c.caughtUp) })
	case *events.Message:
		return c.message(e)
	case *events.UndecryptableMessage:
		c.handling.Lock()
		defer c.handling.Unlock()
		if c.handler != nil {
			c.handler.Unreadable()
		}
	case *events.Receipt:
		// A phone asks for a message again. whatsmeow answers while this is acknowledged, and
		// what the connection's end catches it at is lost. So another connection is to hear of
		// it too, one with a Run: the phone takes what it has twice once.
		return e.Type != types.ReceiptTypeRetry || c.attended() && c.d.heardElsewhere(c, e)
	case *events.GroupInfo:
		return c.hand(c.reader().membership(e))
	}
	return true
}

func (c *connection) message(e *events.Message) bool {
	r := c.reader()
	if e.Info.IsFromMe {
		if id := revoked(e); id != "" {
			c.d.o.Revoked(c.ctx, id)
		}
		return true
	}
	return c.hand(r.message(e))
}

// attended tells whether somebody takes messages.
func (c *connection) attended() bool {
	c.handling.Lock()
	defer c.handling.Unlock()
	return c.handler != nil
}

// hand gives a message to the handler. Behind one that was not taken no other is: they
// all come again, in their order.
func (c *connection) hand(m Message, ok bool) bool {
	if !ok {
		return true
	}
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.handler == nil || c.refused {
		return false
	}
	if err := c.handler.Take(c.take, m); err != nil {
		c.refused = true
		c.finish(err)
		return false
	}
	return true
}

// reader reads messages with what is known of people's addresses.
func (c *connection) reader() reader {
	return reader{own: c.me.get(), phone: func(hidden types.JID) types.JID {
		jid, err := c.client.Store.LIDs.GetPNForLID(c.ctx, hidden)
		if err != nil {
			return types.EmptyJID
		}
		return jid
	}}
}

// identity is this account, by number and hidden.
type identity struct{ number, hidden types.JID }

func (i identity) is(jid types.JID) bool {
	return jid.User != "" && (jid.User == i.number.User && jid.Server == types.DefaultUserServer ||
		jid.User == i.hidden.User && jid.Server == types.HiddenUserServer)
}

// identityBox keeps an identity. It is not read from the client, which clears it in the
// middle of everything when it is logged out.
type identityBox struct {
	mu sync.Mutex
	me identity
}

func (b *identityBox) get() identity {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.me
}

func (b *identityBox) set(me identity) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.me = me
}
