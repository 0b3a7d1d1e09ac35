package redisc

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/internal/redisconn"
)

var _ cluster.Cache = (*Engine)(nil)

// Keep implements cluster.Cache. A Redis that is full refuses it, unlike what leaves it.
func (e *Engine) Keep(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	const op = "cache"
	if err := cluster.CheckCached(key, value, ttl); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	life := time.Duration(lifeOf(ttl)) * time.Millisecond
	return sure(op, redisconn.Classify(op, e.rdb.Set(ctx, cacheKey(e.o.Prefix, key), value, life).Err()))
}

// Recall implements cluster.Cache. The keys are of many slots, so they go as a pipeline,
// which a Cluster's client cuts by server.
func (e *Engine) Recall(ctx context.Context, keys ...string) ([][]byte, error) {
	const op = "read cache"
	for _, key := range keys {
		if err := cluster.CheckCached(key, nil, time.Second); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	pipe := e.rdb.Pipeline()
	gets := make([]*redis.StringCmd, len(keys))
	for i, key := range keys {
		gets[i] = pipe.Get(ctx, cacheKey(e.o.Prefix, key))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, sure(op, redisconn.Classify(op, err))
	}
	values := make([][]byte, len(keys))
	for i, get := range gets {
		value, err := get.Bytes()
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil: // behind one that is not there
			return nil, sure(op, redisconn.Classify(op, err))
		default:
			values[i] = value
		}
	}
	return values, nil
}
