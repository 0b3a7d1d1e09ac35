package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// A stage is one long-lived part. Its run blocks until its context ends and
// returns only when all its goroutines have ended.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// runStages starts the stages in order and runs them until ctx ends or one of them
// fails. Then it stops them in reverse: the last started is told to end and waited
// for before the one below it is told, so that what still flows down finds
// somebody to take it. When bound has passed, all that are left are told at once.
//
// The error names the stage that failed first; nil when all ended because ctx did.
func runStages(ctx context.Context, log zerolog.Logger, bound time.Duration, stages []stage) error {
	type running struct {
		stage
		cancel context.CancelFunc
		done   chan struct{}
		err    error
	}
	failed := make(chan struct{})
	var once sync.Once
	all := make([]*running, 0, len(stages))
	for _, s := range stages {
		stageCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{stage: s, cancel: cancel, done: make(chan struct{})}
		all = append(all, r)
		go func() {
			defer close(r.done)
			r.err = r.run(stageCtx)
			if stageCtx.Err() == nil {
				if r.err == nil {
					r.err = errors.New("ended by itself")
				}
				once.Do(func() { close(failed) })
			}
		}()
	}
	select {
	case <-ctx.Done():
		log.Info().Msg("stopping: accepting nothing new, finishing what was begun")
	case <-failed:
		log.Error().Msg("a part failed, stopping")
	}
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	late := deadline.C
	for i := len(all) - 1; i >= 0; i-- {
		all[i].cancel()
		select {
		case <-all[i].done:
		case <-late:
			late = nil // from here on nobody waits: everything is told
			for _, r := range all[:i] {
				r.cancel()
			}
			<-all[i].done
		}
	}
	var errs []error
	for _, r := range all {
		r.cancel()
		if r.err != nil && !errors.Is(r.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, r.err))
		}
	}
	return errors.Join(errs...)
}
