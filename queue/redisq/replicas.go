package redisq

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
)

// runSafely runs a script like run, and returns once Options.Replicas replicas have
// what it wrote, and all that its shard's server wrote before: a repeat that finds the
// first try done waits for the same. Where too few have it in time the fault is
// Retryable and unsure.
func (e *Engine) runSafely(ctx context.Context, what string, s *redis.Script, keys []string, args ...any) (any, error) {
	if e.o.Replicas <= 0 {
		return e.run(ctx, what, s, keys, args...)
	}
	if e.isClosed() {
		return nil, closed(what)
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	node, err := e.nodeOf(ctx, keys[0])
	if err != nil {
		return nil, e.classify(what, err)
	}
	// WAIT speaks of what its own connection wrote last, so all goes over one. A script
	// that found nothing to do wrote nothing: the mark is written in any case.
	ask := func(script func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) (answer any, have int64, err error) {
		pipe := node.Pipeline()
		cmd := script(ctx, pipe, keys, args...)
		pipe.Do(ctx, "HINCRBY", keys[0], "waited", 1)
		wait := pipe.Do(ctx, "WAIT", e.o.Replicas, e.o.ReplicasWithin.Milliseconds())
		_, _ = pipe.Exec(ctx) // each command has its own error
		if answer, err = cmd.Result(); err != nil {
			return nil, 0, err
		}
		have, err = wait.Int64()
		return answer, have, err
	}
	answer, have, err := ask(s.EvalSha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, have, err = ask(s.Eval)
	}
	if err != nil {
		return nil, e.classify(what, err)
	}
	if have < int64(e.o.Replicas) {
		return answer, fault.New(fault.Retryable, what,
			fmt.Errorf("%d replicas have it after %v, %d are to", have, e.o.ReplicasWithin, e.o.Replicas), fault.Unsure())
	}
	return answer, nil
}

// settle waits until Options.Replicas replicas have all that was written to a shard's
// server so far. Where too few have it in time it goes on: it is better that an answer
// may come twice than that none comes while a replica is away.
func (e *Engine) settle(ctx context.Context, s *shard) {
	if e.o.Replicas <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.ReplicasWithin+e.o.Timeout)
	defer cancel()
	node, err := e.nodeOf(ctx, s.meta())
	if err == nil {
		pipe := node.Pipeline()
		pipe.HIncrBy(ctx, s.meta(), "waited", 1) // see runSafely
		pipe.Do(ctx, "WAIT", e.o.Replicas, e.o.ReplicasWithin.Milliseconds())
		_, err = pipe.Exec(ctx)
	}
	if err != nil {
		e.log.Debug().Err(err).Msg("nobody knows whether the replicas follow")
	}
}

// nodeOf gives the server that holds a key.
func (e *Engine) nodeOf(ctx context.Context, key string) (*redis.Client, error) {
	if all, ok := e.rdb.UniversalClient.(*redis.ClusterClient); ok {
		return all.MasterForKey(ctx, key)
	}
	one, _ := e.rdb.UniversalClient.(*redis.Client)
	return one, nil
}
