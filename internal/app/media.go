package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/blobs/dirblob"
	"github.com/parley-hub/parley/blobs/s3blob"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// sweepEvery is how often old files are looked for.
	sweepEvery = time.Hour
	// bucketTimeout bounds the look whether the bucket is there.
	bucketTimeout = 5 * time.Second
)

// openBlobs opens the store for files. A bucket that does not answer now may answer
// when it is needed; one that needs a human keeps the hub from starting.
func (s *stores) openBlobs(ctx context.Context, cfg *configs.Config, log zerolog.Logger) error {
	if cfg.Media.S3.Endpoint == "" {
		store, err := dirblob.Open(filepath.Join(cfg.DataDir, "media"))
		if err != nil {
			return err
		}
		s.blobs, s.closers = store, append(s.closers, store.Close)
		return nil
	}
	store, err := newBucket(cfg.Media.S3)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	if err := store.Check(ctx); fault.ClassOf(err) == fault.NeedsHuman {
		return err
	} else if err != nil {
		log.Warn().Err(err).Msg("the bucket for files does not answer")
	}
	s.blobs = store
	return nil
}

func newBucket(s3 configs.S3) (*s3blob.Store, error) {
	return s3blob.New(s3blob.Options{
		Endpoint: s3.Endpoint, Region: s3.Region, Bucket: s3.Bucket, Prefix: s3.Prefix, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey,
	})
}

// sweepBlobs drops old files until ctx ends.
func (a *App) sweepBlobs(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		a.sweepBlobsOnce(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *App) sweepBlobsOnce(ctx context.Context) {
	n, err := a.blobs.Sweep(ctx, time.Now().Add(-a.cfg.Media.Keep))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		a.log.Error().Err(err).Stringer("class", fault.ClassOf(err)).Msg("sweeping old files")
	case n > 0:
		a.log.Info().Int("files", n).Msg("old files swept")
	}
}
