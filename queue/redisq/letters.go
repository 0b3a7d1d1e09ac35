package redisq

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// letters are the dead letters of an engine. A letter's id is when it was buried
// and the number of its shard, so ids of all shards are in one order.
type letters struct{ e *Engine }

var _ queue.DeadLetters = letters{}

// DeadLetters gives access to what was buried.
func (e *Engine) DeadLetters() queue.DeadLetters { return letters{e} }

// List reads the letters of a box by id.
func (l letters) List(ctx context.Context, box queue.Box, after int64, limit int) ([]queue.DeadLetter, error) {
	limit = max(limit, 0)
	calls := make([]*call, len(l.e.shards))
	for i, s := range l.e.shards {
		calls[i] = &call{script: lettersScript, keys: []string{s.dead(box), s.letters()}, args: []any{after, limit}}
	}
	l.e.runAll(ctx, "list dead letters", calls)
	var found []queue.DeadLetter
	for _, c := range calls {
		if c.err != nil {
			return nil, c.err
		}
		rows := array(c.answer)
		for i := 0; i+1 < len(rows); i += 2 {
			id, err := strconv.ParseInt(str(rows[i]), 10, 64)
			if err != nil {
				return nil, damaged("dead letter", str(rows[i]))
			}
			d, err := decodeLetter(id, str(rows[i+1]))
			if err != nil {
				return nil, err
			}
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b queue.DeadLetter) int { return int(a.ID - b.ID) })
	return found[:min(limit, len(found))], nil
}

// Replay puts the letter at the end of its mailbox. Bounds do not apply.
func (l letters) Replay(ctx context.Context, id int64) error {
	const what = "replay dead letter"
	return l.take(ctx, what, id, func(s *shard, d queue.DeadLetter) *call {
		mb := l.e.mailbox(d.Key)
		keys := append([]string{s.dead(d.Key.Box), s.letters(), s.meta(), mb.state(), mb.items()}, s.box(d.Key.Box)...)
		return &call{script: replayScript, keys: keys, args: []any{id, string(d.Key.Box), mb.id, mb.wire, payload(d.Item), micros(d.Item.Settle)}}
	})
}

// Drop removes the letter for good.
func (l letters) Drop(ctx context.Context, id int64) error {
	return l.take(ctx, "drop dead letter", id, func(s *shard, d queue.DeadLetter) *call {
		return &call{script: dropScript, keys: []string{s.dead(d.Key.Box), s.letters()}, args: []any{id}}
	})
}

// take reads a letter, since its key names the keys of the script, and runs the
// script, which looks whether the letter is still there.
func (l letters) take(ctx context.Context, what string, id int64, with func(*shard, queue.DeadLetter) *call) error {
	gone := fault.New(fault.Permanent, what, fmt.Errorf("%w: %d", queue.ErrNoLetter, id))
	if l.e.isClosed() {
		return closed(what)
	}
	if id < 0 || int(id%maxShards) >= len(l.e.shards) {
		return gone
	}
	s := l.e.shards[id%maxShards]
	within, cancel := context.WithTimeout(ctx, l.e.o.Timeout)
	defer cancel()
	text, err := l.e.rdb.HGet(within, s.letters(), strconv.FormatInt(id, 10)).Result()
	if err == redis.Nil { //nolint:errorlint // the client gives it bare
		return gone
	}
	if err != nil {
		return l.e.classify(what, err)
	}
	d, err := decodeLetter(id, text)
	if err != nil {
		return err
	}
	c := with(s, d)
	answer, err := l.e.run(ctx, what, c.script, c.keys, c.args...)
	if err != nil {
		return err
	}
	if num(answer) == 0 {
		return gone
	}
	return nil
}
