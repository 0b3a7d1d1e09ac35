package redisq

import (
	"context"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/queue"
)

// ByBox places all mailboxes of a box in one shard of three, each box in another:
// every commit then publishes across shards, and each box has one line.
func ByBox(o Options) Options {
	o.Shards = 3
	o.place = func(key queue.Key, _ uint64, _ int) int {
		switch key.Box {
		case queue.Inbox:
			return 0
		case queue.Outbox:
			return 1
		default:
			return 2
		}
	}
	return o
}

// RunTwice makes every script run twice whose answer does not tell the two runs
// apart, as if the first answer had been lost.
func (e *Engine) RunTwice() {
	once := map[string]bool{}
	for _, s := range []*redis.Script{publishScript, takeScript, replayScript, dropScript} {
		once[s.Hash()] = true
	}
	e.rdb.AddHook(hook(func(cmd redis.Cmder) (bool, error) {
		sha, _ := cmd.Args()[1].(string)
		return cmd.Name() == "evalsha" && !once[sha], nil
	}))
}

// LoseCarried makes every step of a parcel into another shard fail.
func (e *Engine) LoseCarried() {
	e.rdb.AddHook(hook(func(cmd redis.Cmder) (bool, error) {
		if cmd.Name() == "evalsha" && cmd.Args()[1] == receiveScript.Hash() {
			return false, net.ErrClosed
		}
		return false, nil
	}))
}

// Stale tells whether Redis refuses a commit, a release and a note of a holder with
// this token.
func (e *Engine) Stale(ctx context.Context, key queue.Key, token string) (bool, error) {
	c := &consumer{e: e, o: queue.ConsumeOptions{Box: key.Box}.WithDefaults(), ctx: ctx, base: ctx, stop: make(chan struct{})}
	l := &lease{c: c, mb: e.mailbox(key), token: token, turn: 1, ctx: ctx, cancel: func(error) {}}
	op := c.newCommit(l, queue.Commit{
		Done: 1, Set: map[string][]byte{"f": []byte("stale")}, Append: [][]byte{[]byte("stale")},
		Out: []queue.Outgoing{{Key: key, Item: queue.Item{ID: "stale"}}},
	}, "1")
	release := l.releaseCall(7, 0)
	commit, err1 := e.run(ctx, "commit", op.script, op.keys, op.args...)
	released, err2 := e.run(ctx, "release", release.script, release.keys, release.args...)
	noted := l.setNote(ctx, []byte("stale"))
	if err1 != nil || err2 != nil {
		return false, net.ErrClosed
	}
	return num(array(commit)[0]) == 0 && num(released) == 0 && noted != nil, nil
}

// hook looks at each command before it is sent: it is run twice, or fails.
type hook func(redis.Cmder) (twice bool, err error)

func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		twice, err := h(cmd)
		if err != nil {
			cmd.SetErr(err)
			return err
		}
		if twice {
			_ = next(ctx, redis.NewCmd(ctx, cmd.Args()...))
		}
		return next(ctx, cmd)
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		var first []redis.Cmder
		for _, cmd := range cmds {
			if twice, _ := h(cmd); twice {
				first = append(first, redis.NewCmd(ctx, cmd.Args()...))
			}
		}
		if len(first) > 0 {
			_ = next(ctx, first)
		}
		return next(ctx, cmds)
	}
}

// Lazy enlists a consumer that takes nothing by itself: only what Publish hands it.
func (e *Engine) Lazy(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) (stop func()) {
	c := e.newConsumer(ctx, o, h)
	e.enlist(c)
	return func() {
		e.strike(c)
		c.handlers.Wait()
		c.cancel(nil)
	}
}
