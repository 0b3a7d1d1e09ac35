package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
)

// ledger makes the records' items. They travel through a mailbox of their own, in
// the same step as the work they record: nothing is recorded that did not happen,
// nothing that happened is missing, and no turn waits for the records.
type ledger struct{}

// transcripts is the one mailbox of the ledger: a single follower writes in batches.
var transcripts = queue.Key{Box: queue.Ledger, Scope: "records", Owner: "transcripts"}

// Heard records what a person said.
func (ledger) Heard(e core.Envelope, r router.Route) (queue.Outgoing, error) {
	// The account's own person, whoever it is linked to: a link rewrites nothing.
	entry, err := records.Received(e, e.From.Person(), time.Now(), r.Skill, r.Told())
	if err != nil {
		return queue.Outgoing{}, err
	}
	return item(entry)
}

// said records a reply that stands on the platform.
func (ledger) said(r core.Reply, receipts []core.Receipt) (queue.Outgoing, bool) {
	messages := make([]core.MessageID, len(receipts))
	for i, receipt := range receipts {
		messages[i] = receipt.Message
	}
	entry, err := records.Replied(r, time.Now(), messages)
	if err != nil {
		return queue.Outgoing{}, false
	}
	out, err := item(entry)
	return out, err == nil
}

func item(entry records.Entry) (queue.Outgoing, error) {
	body, err := records.Encode(entry)
	if err != nil {
		return queue.Outgoing{}, err
	}
	return queue.Outgoing{Key: transcripts, Item: queue.Item{ID: entry.ID, Body: body}}, nil
}

// sent gives the reply that a message belongs to, as the deliverer asks.
func (a *App) sent(ctx context.Context, account core.Account, chat core.ChatID, message core.MessageID) (core.Reply, bool, error) {
	return a.sentBy(account)(ctx, chat, message)
}

// sentBy gives the replies of an account by their messages, as adapters ask for them.
func (a *App) sentBy(account core.Account) func(context.Context, core.ChatID, core.MessageID) (core.Reply, bool, error) {
	return func(ctx context.Context, chat core.ChatID, message core.MessageID) (core.Reply, bool, error) {
		e, ok, err := a.records.Find(ctx, account, chat, message)
		if err != nil || !ok {
			return core.Reply{}, false, err
		}
		r, err := core.DecodeReply(e.Body)
		if err != nil {
			return core.Reply{}, false, fault.New(fault.Permanent, "find reply", err)
		}
		r.Final = true
		r.Sent = e.Messages[:max(slices.Index(e.Messages, message), 0)]
		return r, true, nil
	}
}

const (
	// recordBatch is how many entries one transaction of the records holds at most.
	recordBatch = 512
	// recordEvery is how long an entry waits for others to be written with it.
	recordEvery = 250 * time.Millisecond
)

// catchUp writes what still waits in the ledger of a hub that was stopped.
func catchUp(ctx context.Context, q queue.Queue, r *records.SQL) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	recorder := records.NewRecorder(r, r)
	done := make(chan error, 1)
	go func() {
		done <- q.Consume(ctx, queue.ConsumeOptions{Box: queue.Ledger, Slots: 1, Batch: recordBatch, MaxAttempts: 1 << 30},
			func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
				bodies := make([][]byte, len(d.Items))
				for i, item := range d.Items {
					bodies[i] = item.Body
				}
				done, err := recorder.Handle(ctx, bodies)
				if err != nil && fault.ClassOf(err) != fault.Permanent {
					cancel(err) // what cannot be written now is said, and waits
				}
				return queue.Commit{Done: done}, err
			})
	}()
	look := time.NewTicker(outboxLook)
	defer look.Stop()
	for ctx.Err() == nil {
		s, err := q.Stats(ctx, queue.Ledger)
		if err != nil {
			cancel(err)
		} else if s.Items == 0 {
			cancel(errCaughtUp)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	if err := <-done; err != nil {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, errCaughtUp) {
		return err
	}
	return nil
}

// errCaughtUp ends a catchUp that is through.
var errCaughtUp = errors.New("nothing waits in the ledger")

// keepRecords follows the ledger. Records that cannot be written wait; they are
// never given up for a database that is down.
func (a *App) keepRecords(ctx context.Context) error {
	recorder := records.NewRecorder(a.records, hearing{a.records, a.people.table})
	return a.queue.Consume(ctx, queue.ConsumeOptions{
		Box: queue.Ledger, Slots: 1, Batch: recordBatch, MaxAttempts: 1 << 30, Grace: a.cfg.Shutdown / 10,
	}, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if age := time.Since(d.Since); len(d.Items) < recordBatch && age < recordEvery {
			// Not a failure: a transaction for many costs what one for few does.
			return queue.Commit{}, fault.New(fault.RateLimited, "gather records", nil, fault.WithWait(recordEvery-age))
		}
		bodies := make([][]byte, len(d.Items))
		for i, item := range d.Items {
			bodies[i] = item.Body
		}
		done, err := recorder.Handle(ctx, bodies)
		if err != nil {
			a.log.Error().Err(err).Stringer("class", fault.ClassOf(err)).Msg("writing records")
			return queue.Commit{}, err
		}
		return queue.Commit{Done: done}, nil
	})
}
