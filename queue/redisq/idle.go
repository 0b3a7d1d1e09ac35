package redisq

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/queue"
)

// idlePage is about how many keys one step of a look at all mailboxes covers.
const idlePage = 1000

// Idle calls fn for the mailboxes of a box that have a log in their memory, no items,
// and no commit since before, until one call fails. It looks at every mailbox, a page
// at a time, so that Redis does other work between.
func (e *Engine) Idle(ctx context.Context, box queue.Box, before time.Time, fn func(queue.Key) error) error {
	for _, s := range e.shards {
		if err := e.idleIn(ctx, s, box, before, fn); err != nil {
			return e.classify("look for idle mailboxes", err)
		}
	}
	return nil
}

func (e *Engine) idleIn(ctx context.Context, s *shard, box queue.Box, before time.Time, fn func(queue.Key) error) error {
	node, err := e.nodeOf(ctx, s.meta())
	if err != nil {
		return err
	}
	prefix := s.at + "m:"
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var names []string
		if names, cursor, err = node.Scan(ctx, cursor, globbed(prefix)+"*", idlePage).Result(); err != nil {
			return err
		}
		if err := e.idleAmong(ctx, s, names, box, before, fn); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) idleAmong(ctx context.Context, s *shard, names []string, box queue.Box, before time.Time, fn func(queue.Key) error) error {
	pipe := e.rdb.Pipeline()
	states := make([]*redis.SliceCmd, len(names))
	items, logs := make([]*redis.IntCmd, len(names)), make([]*redis.IntCmd, len(names))
	for i, name := range names {
		id := name[len(s.at+"m:"):]
		states[i] = pipe.HMGet(ctx, name, "k", "v")
		items[i], logs[i] = pipe.LLen(ctx, s.at+"i:"+id), pipe.LLen(ctx, s.at+"l:"+id)
	}
	if len(names) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for i := range names {
		state := states[i].Val()
		// The token of the last commit is not below its time.
		last, _, ok := numbers(str(state[1])+",", 1)
		if !ok || items[i].Val() > 0 || logs[i].Val() == 0 || !time.UnixMicro(last[0]).Before(before) {
			continue
		}
		key, err := decodeKey(str(state[0]))
		if err != nil {
			return err
		}
		if key.Box != box {
			continue
		}
		if err := fn(key); err != nil {
			return err
		}
	}
	return nil
}

// globbed spells a text so that a pattern means just that text.
func globbed(text string) string {
	var out []byte
	for _, c := range []byte(text) {
		switch c {
		case '*', '?', '[', ']', '^', '-', '\\':
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
