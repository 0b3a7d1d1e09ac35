package redisq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/redisconn"
	"github.com/parley-hub/parley/queue"
)

const (
	// clusterShards is how many shards a new store on a Cluster gets.
	clusterShards = 16
	// closeWithin is how long Close tries to hand leases back.
	closeWithin = time.Second
	// complainEvery spaces what is told of a Redis that fails: every box and shard
	// sees it many times.
	complainEvery = 5 * time.Second
)

// Engine is a queue on Redis. Make it with Open.
type Engine struct {
	o      Options
	log    zerolog.Logger
	rdb    *redisconn.Client
	shards []*shard
	memos  *cache
	// period of the ring of known ids, in microseconds.
	period int64
	// perShard bounds the items of a shard.
	perShard int

	closing chan struct{}
	// life is the context of the engine's own goroutines; end ends it.
	life   context.Context
	end    context.CancelFunc
	tasks  sync.WaitGroup
	once   sync.Once
	failed error // of Close

	// complained is when a failure of Redis was last told aloud, in Unix nanoseconds.
	complained atomic.Int64

	mu     sync.Mutex
	leases map[*lease]struct{}
	wakers map[string]*waker
	// consumers are those whose slots Publish may use.
	consumers map[queue.Box][]*consumer
}

var _ queue.Queue = (*Engine)(nil)

// Open connects to Redis and checks that it can be worked with. Its faults need a
// human where only the configuration or another Redis helps: the URL or password
// is wrong, the Redis is older than 7.0, evicts keys, is a replica or a cluster
// that was not named so, or holds a store of another format or number of shards. A
// Redis that does not answer is Retryable. ctx is for the opening only.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o = o.withDefaults()
	if o.URL.IsZero() {
		return nil, misuse("open queue", "no Redis URL given")
	}
	if strings.ContainsAny(o.Prefix, "{}") || o.Shards < 0 || o.Shards > maxShards {
		return nil, refuse(fmt.Sprintf("a prefix has no braces, and shards are 1 to %d", maxShards))
	}
	rdb, err := redisconn.New(redisconn.Options{
		URL: o.URL, SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword, TLS: o.TLS, Timeout: o.Timeout,
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{
		o: o, log: o.Log,
		rdb:     rdb,
		memos:   newCache(o.MemoryCache),
		period:  o.DedupeWindow.Microseconds() / (ringSlots - 1),
		closing: make(chan struct{}),
		leases:  map[*lease]struct{}{},
		wakers:  map[string]*waker{},

		consumers: map[queue.Box][]*consumer{},
	}
	e.life, e.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := e.prepare(ctx); err != nil {
		e.end()
		return nil, errors.Join(err, e.rdb.Close())
	}
	if len(e.shards) > 1 {
		e.tasks.Go(e.carry)
	}
	e.log.Info().Int("shards", len(e.shards)).Msg("queue opened")
	return e, nil
}

// prepare checks the servers and the store.
func (e *Engine) prepare(ctx context.Context) error {
	servers, err := e.rdb.Inspect(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		if !s.AppendOnly {
			e.log.Warn().Str("redis", s.Address).Msg("Redis has no append-only file: when it crashes, all that was accepted since its last snapshot is lost; set appendonly yes")
		}
	}
	otherwise := 1
	if e.rdb.Form() == redisconn.Cluster {
		otherwise = clusterShards
	}
	answer, err := e.run(ctx, "open queue", openScript, []string{storeKey(e.o.Prefix)}, format, e.o.Shards, otherwise)
	if err != nil {
		return err
	}
	stored := array(answer)
	if len(stored) != 2 || str(stored[0]) != format {
		return refuse(fmt.Sprintf("the store under prefix %q has format %v, this release has %s: use the release that made it, or another prefix", e.o.Prefix, stored, format))
	}
	n, err := strconv.Atoi(str(stored[1]))
	if err != nil || n < 1 || n > maxShards {
		return damaged("store", str(stored[1]))
	}
	if e.o.Shards != 0 && e.o.Shards != n {
		return refuse(fmt.Sprintf("the store under prefix %q has %d shards and cannot become one of %d", e.o.Prefix, n, e.o.Shards))
	}
	e.shards = makeShards(e.o.Prefix, n)
	e.perShard = (e.o.MaxItems + n - 1) / n
	return nil
}

// Close ends the engine. Leases are handed back, as far as Redis answers at once,
// and their takings do not count; handlers under way are cancelled. Calls under way
// return queue.ErrClosed, as does Consume once its handlers are back.
func (e *Engine) Close() error {
	e.once.Do(func() {
		e.mu.Lock()
		held := make([]*lease, 0, len(e.leases))
		for l := range e.leases {
			held = append(held, l)
		}
		e.mu.Unlock()
		var calls []*call
		for _, l := range held {
			if l.lose(closed("close")) {
				calls = append(calls, l.releaseCall(l.attempt()-1, 0))
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if len(calls) > 0 {
			e.runAll(ctx, "close", calls)
		}
		e.mu.Lock()
		close(e.closing)
		e.mu.Unlock()
		e.end()
		e.failed = e.rdb.Close()
		e.tasks.Wait()
	})
	if e.failed != nil {
		return fault.New(fault.Retryable, "close queue", e.failed)
	}
	return nil
}

func (e *Engine) isClosed() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// pause waits, and tells false when the engine was closed or stop came first.
func (e *Engine) pause(stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.closing:
	case <-stop:
	}
	return false
}

// complain tells of a failure of Redis, aloud where none was told of lately.
func (e *Engine) complain(what string, err error) {
	level := zerolog.DebugLevel
	now := time.Now().UnixNano()
	if last := e.complained.Load(); now-last > int64(complainEvery) && e.complained.CompareAndSwap(last, now) {
		level = zerolog.ErrorLevel
	}
	e.log.WithLevel(level).Err(err).Str("call", what).Msg("Redis fails")
}
