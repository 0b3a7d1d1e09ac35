//go:build !nowhatsmeow

package web

import (
	"maps"
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

// heard is the connection that heard of an ask first, and when.
type heard struct {
	by uint64
	at time.Time
}

const (
	// maxAsks bounds how many asks are remembered. One that was forgotten is answered once
	// more than needed.
	maxAsks = 1000
	// answeredWithin is how long a connection may take to answer an ask.
	answeredWithin = againTries*againEvery + 5*time.Second
)

// answeredElsewhere tells whether an earlier connection heard of an ask and lived for
// long enough to answer it.
func (d *Device) answeredElsewhere(c *connection, e *events.Receipt) bool {
	a := ask{by: e.Sender, at: e.Timestamp}
	if len(e.MessageIDs) > 0 {
		a.id = e.MessageIDs[0]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if first, known := d.asks[a]; known {
		return first.by != c.number
	}
	if len(d.asks) >= maxAsks {
		clear(d.asks)
	}
	d.asks[a] = heard{c.number, time.Now()}
	return false
}

// unanswered forgets the asks that a connection which ends may not have answered.
func (d *Device) unanswered(c *connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.asks, func(_ ask, h heard) bool { return h.by == c.number && time.Since(h.at) < answeredWithin })
}
