package adapters

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// mendFor is how long is looked for the final of a message that a late draft may have
	// changed, each mendEvery: it may not be recorded yet, or still be on its way.
	mendFor   = time.Minute
	mendEvery = time.Second
)

// Sent gives the final reply that a message is a piece of, with the pieces before it in
// Reply.Sent; false when it is not known, or not yet.
type Sent func(ctx context.Context, account core.Account, chat core.ChatID, message core.MessageID) (core.Reply, bool, error)

// mend deals with a draft that may have come behind the final that another node
// delivered: this process was paused between its last look at the clock and the moment at
// which the call left it, and no platform could refuse the call. It shows the final
// again, which is harmless where nothing was overwritten.
func (w *drafts) mend(a *account, r core.Reply, message core.MessageID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil || w.d.sentBefore == nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.ctx, mendFor)
	w.d.log.Warn().Object("reply", r).Msg("a draft may have come behind its final: this node was paused or slow for longer than its lease; the final is shown again")
	w.workers.Go(func() {
		defer cancel()
		for {
			done, err := w.showAgain(ctx, a, r, message)
			if done {
				return
			}
			if !sleep(ctx, max(fault.Wait(err), mendEvery)) {
				// Where the final is still to come it will be the last itself.
				w.d.log.Debug().Err(err).Object("reply", r).Msg("no final was found that a draft came behind")
				return
			}
		}
	})
}

// showAgain makes a message show the piece of the final that it is. done is false where
// another try may help.
func (w *drafts) showAgain(ctx context.Context, a *account, r core.Reply, message core.MessageID) (done bool, err error) {
	final, ok, err := w.d.sentBefore(ctx, r.To.Account, r.To.Chat, message)
	if err != nil || !ok {
		return false, err
	}
	if err := w.d.room(ctx, final.To, MethodEdit); err != nil {
		return false, err
	}
	err = w.d.call(ctx, callTimeout, func(ctx context.Context) error {
		_, err := a.Adapter.(Editor).Edit(ctx, message, final)
		return err
	})
	switch fault.ClassOf(err) {
	case fault.RateLimited:
		w.d.obey(ctx, final.To, MethodEdit, err)
		return false, err
	case fault.Permanent, fault.Bug:
		return true, err
	case fault.Retryable, fault.NeedsHuman:
	}
	return err == nil, err
}
