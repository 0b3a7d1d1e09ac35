package redisq

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// Stats tells what a box holds now. It asks every shard, one after the other in
// time, so that with several shards it is no single moment; what is carried from one to
// another just now counts in both.
func (e *Engine) Stats(ctx context.Context, name queue.Box) (queue.Stats, error) {
	if err := ctx.Err(); err != nil {
		return queue.Stats{}, fault.New(fault.Retryable, "stats", err)
	}
	calls := make([]*call, len(e.shards))
	for i, s := range e.shards {
		keys := append([]string{s.meta()}, s.box(name)...)
		calls[i] = &call{script: statsScript, keys: append(keys, s.dead(name)), args: []any{string(name)}}
	}
	e.runAll(ctx, "stats", calls)
	var sum queue.Stats
	for _, c := range calls {
		if c.err != nil {
			return queue.Stats{}, c.err
		}
		n := array(c.answer)
		if len(n) != 7 {
			return queue.Stats{}, damaged("stats", "")
		}
		filled, leased, waits := int(num(n[2])), int(num(n[3])), int(num(n[4]))
		sum.Items += int(num(n[0]) + num(n[1]))
		sum.Ready += filled - waits
		sum.Leased += leased
		sum.Delayed += waits - leased
		sum.Dead += int(num(n[5]))
		if at, _, ok := numbers(str(n[6])+",", 1); ok {
			if t := time.UnixMicro(at[0]); sum.Oldest.IsZero() || t.Before(sum.Oldest) {
				sum.Oldest = t
			}
		}
	}
	return sum, nil
}
