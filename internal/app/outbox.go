package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/archive"
)

// lanesOf gives an outbox of its own to each account that only one node can send for.
func lanesOf(all map[core.Account]adapters.Adapter) queue.Lanes {
	var own []core.Account
	for name, a := range all {
		if a.Describe().Capabilities.SingleSender {
			own = append(own, name)
		}
	}
	return queue.NewLanes(own...)
}

// serves brings out the replies of an account that only the node that receives for it
// can send; nil for any other account, and where there is one node.
func (a *App) serves(adapter adapters.Adapter) func(context.Context) error {
	about := adapter.Describe()
	if a.topic == nil || !about.Capabilities.SingleSender {
		return nil
	}
	return func(ctx context.Context) error { return a.deliverer.Serve(ctx, about.Account) }
}

// lane is where the replies to a chat wait.
func (a *App) lane(to core.Conversation) queue.Key { return a.lanes.Of(to) }

// boxes lists the boxes that the hub works through.
func (a *App) boxes() []queue.Box {
	all := slices.Concat([]queue.Box{queue.Inbox}, a.lanes.Outboxes(), []queue.Box{queue.Ledger})
	if a.archive != nil {
		all = append(all, archive.Dropped)
	}
	return all
}

// letterBoxes lists the boxes that may hold dead letters. An account may have had an
// outbox of its own.
func letterBoxes(cfg *configs.Config) []queue.Box {
	all := queue.NewLanes(slices.Collect(maps.Keys(cfg.Channels))...)
	return slices.Concat([]queue.Box{queue.Inbox}, all.Outboxes(), []queue.Box{queue.Ledger})
}

// outboxLook is how often the outbox is looked at while the hub stops.
const outboxLook = 5 * time.Millisecond

// emptyOutbox is the stage between those who answer and the deliverer below: when
// the hub stops, it lets the deliverer bring out what was answered last, so that
// nobody waits for the next process to hear what is known already. It gives up
// after a share of the bound; what is left then, or waits for a platform, is kept.
func (a *App) emptyOutbox(ctx context.Context) error {
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.Shutdown/10)
	defer cancel()
	look := time.NewTicker(outboxLook)
	defer look.Stop()
	for {
		busy := 0
		for _, box := range a.deliverer.Outboxes() {
			s, err := a.queue.Stats(ctx, box)
			if err != nil {
				return nil // nothing is lost: the outbox is durable
			}
			busy += s.Ready + s.Leased
		}
		if busy == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}
