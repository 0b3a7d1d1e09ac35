package redisq

import (
	"context"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// Publish appends the item; on nil Redis has it, as safe as its settings make it
// (docs/redis-protocol.md). A failure whose outcome is unknown may be repeated
// without harm: the id makes it one item.
func (e *Engine) Publish(ctx context.Context, key queue.Key, in queue.Item) (queue.Outcome, error) {
	if in.ID == "" || key.Box == "" {
		return 0, misuse("publish", "an item needs an id and a key needs a box")
	}
	if e.isClosed() {
		return 0, closed("publish")
	}
	if err := ctx.Err(); err != nil {
		return 0, fault.New(fault.Retryable, "publish", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	mb := e.mailbox(key)
	digest, home := e.digest(key.Box, in.ID)
	if home != mb.shard {
		holds, err := e.claim(ctx, home, digest, mb)
		if err != nil {
			return 0, err
		}
		if holds == nil {
			return queue.Duplicate, nil
		}
		mb = holds
	}
	for range 2 {
		answer, err := e.store(ctx, mb, digest, in)
		if err != nil {
			return 0, err
		}
		wire, claimed := answer.(string)
		if !claimed {
			return outcome(num(answer))
		}
		// The id was given to another mailbox before; it is stored there, or now.
		key, err := decodeKey(wire)
		if err != nil {
			return 0, err
		}
		mb = e.mailbox(key)
	}
	return 0, damaged("claim", mb.wire)
}

func outcome(n int64) (queue.Outcome, error) {
	switch n {
	case 1:
		return queue.Accepted, nil
	case 0:
		return queue.Duplicate, nil
	default:
		return 0, fault.New(fault.Retryable, "publish", queue.ErrBusy)
	}
}

// claim asks the home shard of an id which mailbox it belongs to: mb, or the one of
// an earlier claim, or nil where the id was stored in that very shard.
func (e *Engine) claim(ctx context.Context, home *shard, digest string, mb *mailbox) (*mailbox, error) {
	answer, err := e.run(ctx, "publish", claimScript, append([]string{home.meta()}, home.seen()...), digest, mb.wire, e.period)
	if err != nil {
		return nil, err
	}
	switch wire := str(answer); wire {
	case "":
		return nil, nil
	case mb.wire:
		return mb, nil
	default:
		key, err := decodeKey(wire)
		if err != nil {
			return nil, err
		}
		return e.mailbox(key), nil
	}
}

func (e *Engine) store(ctx context.Context, mb *mailbox, digest string, in queue.Item) (any, error) {
	s := mb.shard
	keys := append([]string{s.meta()}, s.seen()...)
	keys = append(keys, mb.state(), mb.items())
	keys = append(keys, s.box(mb.key.Box)...)
	keys = append(keys, mb.fields(), mb.log())
	d := e.direct(mb, in)
	args := append([]any{digest, mb.id, mb.wire, payload(in), micros(in.Settle), e.o.MaxPerKey, e.perShard, e.period, string(mb.key.Box)}, d.args()...)
	answer, err := e.runSafely(ctx, "publish", publishScript, keys, args...)
	if d != nil {
		// What Redis has and its replicas have not is worked on all the same.
		d.answered(answer)
	}
	if len(array(answer)) > 0 {
		answer = int64(1)
	}
	return answer, err
}
