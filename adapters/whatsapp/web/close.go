//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

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

// rest waits until what nobody waits for any more is written, for a while.
func (c *connection) rest() {
	written := make(chan struct{})
	go func() {
		c.calls.Wait() // ends with the connection, see putAway
		close(written)
	}()
	timer := time.NewTimer(flushWithin)
	defer timer.Stop()
	select {
	case <-written:
	case <-timer.C:
	}
}

// close ends the connection and all that came with it.
func (c *connection) close() {
	c.detach()
	c.d.unanswered(c)
	c.flush(c.ctx)
	c.finish(fault.New(fault.Retryable, "connect", errStopped))
	c.rest()
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
