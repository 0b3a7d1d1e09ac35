//go:build !nowhatsmeow

package web

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// againTries is how often a message that a phone asks for once more is looked for, a
// while apart: what was just sent may not be recorded yet.
const (
	againTries = 4
	againEvery = 2 * time.Second
)

// again answers a phone that could not read a message.
func (c *connection) again(_, to types.JID, id types.MessageID) *waE2E.Message {
	chat := c.reader().address(to, types.EmptyJID)
	for try := range againTries {
		if o, ok := c.d.o.Sent(c.ctx, chat, id); ok {
			return write(o, to, c.me.get())
		}
		if try == againTries-1 {
			break
		}
		timer := time.NewTimer(againEvery)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
			return nil
		}
	}
	return nil
}

// ask is a phone's wish to get a message again.
type ask struct {
	id types.MessageID
	by types.JID
	at time.Time
}

// maxAsks bounds how many asks are remembered. One that was forgotten is answered once
// more than needed.
const maxAsks = 1000

// heardElsewhere tells whether an earlier connection heard of an ask, and remembers it.
func (d *Device) heardElsewhere(c *connection, e *events.Receipt) bool {
	a := ask{by: e.Sender, at: e.Timestamp}
	if len(e.MessageIDs) > 0 {
		a.id = e.MessageIDs[0]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if first, known := d.asks[a]; known {
		return first != c.number
	}
	if len(d.asks) >= maxAsks {
		clear(d.asks)
	}
	d.asks[a] = c.number
	return false
}
