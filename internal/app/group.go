package app

import (
	"context"
	"errors"
	"sync"
)

// group runs equals side by side: the first that fails ends the others.
type group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

func newGroup(ctx context.Context) *group {
	g := &group{}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	return g
}

func (g *group) run(f func(ctx context.Context) error) {
	g.wg.Go(func() {
		if err := f(g.ctx); err != nil {
			g.mu.Lock()
			g.errs = append(g.errs, err)
			g.mu.Unlock()
			g.cancel(err)
		}
	})
}

// wait waits for the context's end too, so that a group of none, or of members
// that have nothing left to do, lasts as long as its stage.
func (g *group) wait() error {
	<-g.ctx.Done()
	g.wg.Wait()
	g.cancel(nil)
	return errors.Join(g.errs...)
}
