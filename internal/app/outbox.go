package app

import (
	"context"
	"time"

	"github.com/parley-hub/parley/queue"
)

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
		s, err := a.queue.Stats(ctx, queue.Outbox)
		if err != nil || s.Ready+s.Leased == 0 {
			return nil // nothing is lost: the outbox is durable
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}
