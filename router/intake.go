package router

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
)

// AlbumSettle is how long an album's conversation waits for the rest of it: the
// parts arrive as messages of their own, within a fraction of a second.
const AlbumSettle = 600 * time.Millisecond

// Intake stores envelopes in the inbox, in the mailbox of the conversation whose
// memory they meet. It is the Inbox that adapters write to.
type Intake struct {
	queue    queue.Queue
	memories Memories
	observer core.Observer
	now      func() time.Time
}

// NewIntake makes an intake; now is the clock for the events' times.
func NewIntake(q queue.Queue, m Memories, o core.Observer, now func() time.Time) *Intake {
	return &Intake{queue: q, memories: m, observer: o, now: now}
}

// Accept stores the envelope; it is durable on nil, and nil also when it was
// stored before. An error means that nothing was stored.
func (i *Intake) Accept(ctx context.Context, e core.Envelope) error {
	began := i.now()
	if e.Trace == "" {
		e.Trace = core.NewTraceID()
	}
	event := core.Event{Stage: core.StageAccepted, Trace: e.Trace, Account: e.In.Account, Kind: e.Kind}
	outcome, err := i.publish(ctx, e)
	switch {
	case err != nil:
		event.Stage, event.Err = core.StageRefused, err
	case outcome == queue.Duplicate:
		event.Stage = core.StageDuplicate
	}
	event.At = i.now()
	event.Took = event.At.Sub(began)
	i.observer.Observe(event)
	return err
}

func (i *Intake) publish(ctx context.Context, e core.Envelope) (queue.Outcome, error) {
	if e.ID == "" || e.In.Account == "" || e.In.Chat == "" {
		return 0, fault.New(fault.Bug, "accept", errors.New("envelope without id, account or chat"))
	}
	out, err := envelopeItem(e, i.memories.near(ctx, e))
	if err != nil {
		return 0, err
	}
	return i.queue.Publish(ctx, out.Key, out.Item)
}

// envelopeItem is an envelope on its way into the inbox of a memory.
func envelopeItem(e core.Envelope, k session.Key) (queue.Outgoing, error) {
	body, err := core.EncodeEnvelope(e)
	if err != nil {
		return queue.Outgoing{}, fault.New(fault.Bug, "encode envelope", err)
	}
	item := queue.Item{ID: string(e.ID), Body: body}
	if e.Album != "" {
		item.Settle = AlbumSettle
	}
	return queue.Outgoing{Key: Mailbox(k), Item: item}, nil
}
