package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/records"
)

const (
	// dropEvery is how often old lines of usage are looked for, dropAtOnce how many go in
	// one step: others wait for the records meanwhile.
	dropEvery  = time.Hour
	dropAtOnce = 5000
	// dropWithin bounds one step.
	dropWithin = 30 * time.Second
)

// dropOld takes lines that are older than kept out of the ledger of usage until ctx ends; 0
// keeps all. Several nodes may do so at once.
func dropOld(ctx context.Context, r records.Usage, kept func() time.Duration, log zerolog.Logger) error {
	tick := time.NewTicker(dropEvery)
	defer tick.Stop()
	for {
		n, err := 0, error(nil)
		if keep := kept(); keep > 0 {
			n, err = dropBefore(ctx, r, time.Now().Add(-keep))
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			log.Warn().Err(err).Msg("old lines of usage cannot be dropped now")
		case n > 0:
			log.Info().Int("lines", n).Msg("old lines of usage were dropped")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func dropBefore(ctx context.Context, r records.Usage, before time.Time) (all int, err error) {
	for {
		limited, cancel := context.WithTimeout(ctx, dropWithin)
		n, err := r.DropUsage(limited, before, dropAtOnce)
		cancel()
		if all += n; err != nil || n == 0 {
			return all, err
		}
	}
}
