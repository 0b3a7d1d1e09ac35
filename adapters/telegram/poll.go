package telegram

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// pollTimeout is how long the server holds an empty getUpdates; it allows 50 s.
	pollTimeout = 30 * time.Second
	// acceptAtOnce bounds how many chats of one batch are stored at the same time: all
	// of them, since a batch has at most 100 updates. Storing is a group commit, so
	// together they wait about as long as one alone.
	acceptAtOnce = 100
)

// poll asks for updates until ctx ends or something fails. It starts at the oldest
// unconfirmed update; what was stored before but not confirmed comes again and is
// a duplicate.
func (a *Adapter) poll(ctx context.Context, in adapters.Inbox) error {
	if err := a.dropWebhook(ctx); err != nil {
		return err
	}
	var offset int64
	var wait time.Duration // the first poll returns at once: it shows that polling is allowed
	for ctx.Err() == nil {
		p := params{"timeout": strconv.Itoa(int(wait.Seconds())), "allowed_updates": allowedUpdates}
		if offset != 0 {
			p["offset"] = decimal(offset)
		}
		var raw []json.RawMessage
		if err := a.api.callWithin(ctx, wait+callTimeout, "getUpdates", p, &raw); err != nil {
			return err
		}
		if wait == 0 {
			adapters.Connected(in)
			wait = pollTimeout
		}
		next, err := a.acceptBatch(ctx, in, raw)
		if next > offset {
			offset = next
		}
		if err != nil {
			a.confirm(ctx, offset)
			return err
		}
	}
	return nil
}

// confirm tells the server what was stored before polling stops on an error, so
// that less of it comes again. Failing is harmless.
func (a *Adapter) confirm(ctx context.Context, offset int64) {
	if offset == 0 {
		return
	}
	p := params{"timeout": "0", "limit": "1", "offset": decimal(offset), "allowed_updates": allowedUpdates}
	if err := a.api.call(ctx, "getUpdates", p, nil); err != nil {
		a.log.Debug().Err(err).Msg("confirming updates failed; they come again")
	}
}

// acceptBatch stores a batch: each chat's updates in order, different chats at the
// same time. It returns the offset behind the last update that was stored with
// everything before it, and the first error.
func (a *Adapter) acceptBatch(ctx context.Context, in adapters.Inbox, raw []json.RawMessage) (offset int64, err error) {
	updates := make([]update, len(raw))
	envelopes := make([]core.Envelope, len(raw))
	chats := make(map[core.ChatID][]int)
	var order []core.ChatID
	for i, data := range raw {
		updates[i], envelopes[i] = a.read(data)
		c := envelopes[i].In.Chat
		if _, known := chats[c]; !known {
			order = append(order, c)
		}
		chats[c] = append(chats[c], i)
	}

	errs := make([]error, len(raw))
	stored := make([]bool, len(raw))
	var g errgroup.Group
	g.SetLimit(acceptAtOnce)
	for _, c := range order {
		g.Go(func() error {
			for _, i := range chats[c] {
				if errs[i] = in.Accept(ctx, envelopes[i]); errs[i] != nil {
					return nil //nolint:nilerr // kept in errs; the chat's later updates must not overtake this one
				}
				stored[i] = true
				a.seen(envelopes[i])
			}
			return nil
		})
	}
	_ = g.Wait() // errors are kept by update

	for i := range raw {
		if !stored[i] {
			return offset, acceptFault(errs[i])
		}
		if id := updates[i].ID; id >= offset {
			offset = id + 1
		}
	}
	if len(raw) > 0 && offset == 0 {
		return 0, fault.New(fault.Retryable, "getUpdates", errNoUpdateID)
	}
	return offset, nil
}

// acceptFault keeps the class of the inbox's error; an unclassified one is worth
// another try, since the platform still has the message.
func acceptFault(err error) error {
	switch fault.ClassOf(err) {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return fault.New(fault.ClassOf(err), "accept", err, fault.WithWait(fault.Wait(err)))
	default:
		return fault.New(fault.Retryable, "accept", err)
	}
}

// dropWebhook removes a webhook left from another mode: while one is set polling
// is refused. Updates that wait are kept.
func (a *Adapter) dropWebhook(ctx context.Context) error {
	var info webhookInfo
	if err := a.api.call(ctx, "getWebhookInfo", nil, &info); fault.ClassOf(err) == fault.Permanent {
		return nil // a server that does not know the method; a webhook would show as a conflict
	} else if err != nil {
		return err
	}
	if info.URL == "" {
		return nil
	}
	a.log.Warn().Msg("removing the webhook that is set for this bot, because the mode is poll")
	return a.api.call(ctx, "deleteWebhook", params{"drop_pending_updates": "false"}, nil)
}
