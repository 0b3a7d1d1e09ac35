package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/datadir"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/archive"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/queue/sqliteq"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/storage"
)

// recordsFile is the file of the records in the data folder.
const recordsFile = "records.db"

// stores are what a hub keeps everything in, as the configuration says: in the data
// folder alone, or on Redis and PostgreSQL. One process at a time uses a data folder.
type stores struct {
	queue   queue.Queue
	records *records.SQL
	blobs   blobs.Store
	// storage is what skills keep.
	storage storage.Store
	// memory is what adapters remember; cluster what nodes share, nil for a hub alone.
	memory  cluster.Memory
	cluster *redisc.Engine
	// archive puts idle memories away; nil where they stay. It is there also where none is
	// put away any more, for those that were.
	archive *archive.Queue
	// locked: this process is the one that uses the data folder.
	locked bool
	// closers end what was opened, the last first.
	closers []func() error
}

// openStores opens what people and conversations are in, or nothing.
func openStores(ctx context.Context, cfg *configs.Config, log zerolog.Logger) (_ *stores, err error) {
	s := &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.openQueue(ctx, cfg, log.With().Str("room", "queue").Logger()); err != nil {
		return nil, err
	}
	if err := s.openRecords(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.openBlobs(ctx, cfg, log); err != nil {
		return nil, err
	}
	if err := s.openStorage(ctx, cfg); err != nil {
		return nil, err
	}
	if engine, ok := s.queue.(archive.Engine); ok {
		s.archive = archive.New(archive.Options{
			Engine: engine, Store: memories{s.records}, Box: queue.Inbox, After: cfg.Session.Idle, Every: cfg.Session.Idle / 12,
			Log: log.With().Str("room", "archive").Logger(),
		})
		s.queue = s.archive
	}
	return s, nil
}

func (s *stores) openQueue(ctx context.Context, cfg *configs.Config, log zerolog.Logger) error {
	q := cfg.Queue
	if cfg.Redis.URL.IsZero() {
		engine, err := sqliteq.Open(ctx, sqliteq.Options{
			Dir: cfg.DataDir, DedupeWindow: q.Dedupe, MaxItems: q.MaxItems, MaxPerKey: q.MaxPerChat, MaxBytes: int64(q.MaxBytes), Log: log,
		})
		if err != nil {
			return err
		}
		s.queue, s.locked, s.closers = engine, true, append(s.closers, engine.Close)
		return nil
	}
	r := cfg.Redis
	certificates, err := r.TLS()
	if err != nil {
		return err
	}
	engine, err := redisq.Open(ctx, redisq.Options{
		URL: r.URL, SentinelUser: r.SentinelUser, SentinelPassword: r.SentinelPassword, TLS: certificates, Prefix: r.Prefix,
		DedupeWindow: q.Dedupe, MaxItems: q.MaxItems, MaxPerKey: q.MaxPerChat,
		Replicas: r.Replicas, ReplicasWithin: r.WaitFor, Log: log,
	})
	if err != nil {
		return err
	}
	s.queue, s.closers = engine, append(s.closers, engine.Close)
	return nil
}

func (s *stores) openRecords(ctx context.Context, cfg *configs.Config) (err error) {
	if !cfg.Postgres.URL.IsZero() {
		s.records, err = records.OpenPostgres(ctx, records.PostgresOptions{URL: cfg.Postgres.URL})
	} else {
		if err := s.lockOnce(cfg); err != nil {
			return err
		}
		s.records, err = records.OpenSQLite(ctx, filepath.Join(cfg.DataDir, recordsFile))
	}
	if err == nil {
		s.closers = append(s.closers, s.records.Close)
	}
	return err
}

// lockOnce locks the data folder, unless what was opened in it has done so.
func (s *stores) lockOnce(cfg *configs.Config) error {
	if s.locked {
		return nil
	}
	lock, err := datadir.Lock(cfg.DataDir)
	if err == nil {
		s.locked, s.closers = true, append(s.closers, lock.Close)
	}
	return err
}

// putAway puts idle memories away until ctx ends.
func (s *stores) putAway(ctx context.Context) error {
	if s.archive == nil {
		<-ctx.Done()
		return nil
	}
	return s.archive.Run(ctx)
}

// memories is the records as the archive of idle memories.
type memories struct{ records *records.SQL }

// Put implements archive.Store.
func (m memories) Put(ctx context.Context, _ queue.Key, memory []byte) (string, error) {
	return m.records.PutMemory(ctx, memory, time.Now())
}

// Get implements archive.Store.
func (m memories) Get(ctx context.Context, ref string) ([]byte, bool, error) {
	return m.records.Memory(ctx, ref)
}

// Drop implements archive.Store.
func (m memories) Drop(ctx context.Context, ref string) error { return m.records.DropMemory(ctx, ref) }

// close ends what was opened.
func (s *stores) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
