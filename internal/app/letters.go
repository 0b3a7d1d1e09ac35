package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/queue"
)

// letterPage is how many dead letters are read at a time.
const letterPage = 100

// ListLetters prints the dead letters, oldest first: what could not be handled, in
// which box, and why. It prints nobody's words. With the embedded queue the hub must not be
// running.
func ListLetters(ctx context.Context, out io.Writer, cfg *configs.Config) error {
	return withLetters(ctx, cfg, func(letters queue.DeadLetters) error {
		var b strings.Builder
		count := 0
		for _, box := range letterBoxes(cfg) {
			for after := int64(0); ; {
				page, err := letters.List(ctx, box, after, letterPage)
				if err != nil {
					return err
				}
				for _, l := range page {
					fmt.Fprintf(&b, "%d  %s  %s  attempts %d  %s\n", l.ID, l.BuriedAt.UTC().Format(time.RFC3339), box, l.Attempts, l.Reason)
					after = l.ID
				}
				count += len(page)
				if len(page) < letterPage {
					break
				}
			}
		}
		if count == 0 {
			b.WriteString("no dead letters\n")
		}
		_, err := io.WriteString(out, b.String())
		return err
	})
}

// ReplayLetters puts dead letters back at the end of their mailboxes, or drops them
// for good. It tries all and reports those that failed. With the embedded queue the hub
// must not be running; it works on them when it starts.
func ReplayLetters(ctx context.Context, out io.Writer, cfg *configs.Config, ids []int64, drop bool) error {
	return withLetters(ctx, cfg, func(letters queue.DeadLetters) error {
		do, done := letters.Replay, "replayed"
		if drop {
			do, done = letters.Drop, "dropped"
		}
		var errs []error
		for _, id := range ids {
			if err := do(ctx, id); err != nil {
				errs = append(errs, err)
				continue
			}
			if _, err := fmt.Fprintf(out, "%s %d\n", done, id); err != nil {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

// withLetters opens the queue as a hub would, so that a running one is noticed.
func withLetters(ctx context.Context, cfg *configs.Config, use func(queue.DeadLetters) error) error {
	s := &stores{}
	err := s.openQueue(ctx, cfg, zerolog.Nop())
	if err == nil {
		err = use(s.queue.DeadLetters())
	}
	return errors.Join(err, s.close())
}
