package redisq

import (
	"context"
	"time"

	"github.com/parley-hub/parley/queue"
)

// outKeys finds the place of a key in KEYS, and adds what is not there yet.
type outKeys struct {
	keys  []string
	known map[string]int
}

func (k *outKeys) add(names ...string) int {
	if at, ok := k.known[names[0]]; ok {
		return at
	}
	k.keys = append(k.keys, names...)
	at := len(k.keys) - len(names) + 1 // Lua counts from 1
	k.known[names[0]] = at
	return at
}

// commitCall is a commit as a script, with what is to be carried on afterwards.
type commitCall struct {
	call
	// away are the parcels for other shards in order; channel is the KEYS index of the
	// channel of each.
	away    []parcel
	channel []int64
}

// newCommit writes a commit as the script takes it.
func (c *consumer) newCommit(l *lease, k queue.Commit, then string) *commitCall {
	mb, s := l.mb, l.mb.shard
	base := append([]string{mb.state(), mb.items(), mb.fields(), mb.log(), s.meta()}, s.box(mb.key.Box)...)
	base = append(base, s.dead(mb.key.Box), s.letters(), s.outs())
	// A commit may publish into its own box and even its own mailbox: their keys are
	// known already.
	keys := &outKeys{keys: base, known: map[string]int{base[0]: 1, base[5]: 6}}
	var sets, removes, appends []any
	for name, value := range k.Set {
		if value == nil {
			removes = append(removes, name)
		} else {
			sets = append(sets, name, value)
		}
	}
	for _, entry := range k.Append {
		if entry == nil {
			entry = []byte{}
		}
		appends = append(appends, entry)
	}
	attempts := min(l.delivery.Attempt, c.o.MaxAttempts)
	args := []any{
		mb.id, l.token, k.Done, k.Bury, attempts, k.Trim, then, c.o.Batch, micros(c.o.Lease), string(mb.key.Box), s.number,
		len(sets) / 2, len(removes), len(appends), len(k.Out),
	}
	args = append(append(append(args, sets...), removes...), appends...)
	out := &commitCall{}
	for _, o := range k.Out {
		to := c.e.mailbox(o.Key)
		args = append(args, string(o.Key.Box), payload(o.Item), micros(o.Item.Settle), to.wire)
		if to.shard == s {
			at := keys.add(to.state(), to.items())
			args = append(args, "here", at, keys.add(s.box(o.Key.Box)...), to.id)
			continue
		}
		at := keys.add(s.channel(to.shard))
		args = append(args, "away", at, to.shard.number, "")
		out.away = append(out.away, parcel{settle: micros(o.Item.Settle), mb: to, payload: payload(o.Item)})
		out.channel = append(out.channel, int64(at))
	}
	out.call = call{script: commitScript, keys: keys.keys, args: args}
	return out
}

// goOn tells the script what becomes of the mailbox when items are left.
func (c *consumer) goOn(l *lease) string {
	switch {
	case l.turn >= c.o.Turns:
		return "0"
	case c.over():
		return "f"
	default:
		return "1"
	}
}

// write commits, and tries again while Redis does not answer: what a handler did
// must not be done twice for that. It gives the next delivery, nil for none.
func (c *consumer) write(ctx context.Context, l *lease, k queue.Commit) *lease {
	began := time.Now()
	op := c.newCommit(l, k, c.goOn(l))
	var sent time.Time
	var answer []any
	done := c.insist("commit", func() error {
		sent = time.Now()
		got, err := c.e.run(ctx, "commit", op.script, op.keys, op.args...)
		answer = array(got)
		return err
	})
	if !done {
		return nil
	}
	if len(answer) < 2 {
		c.e.log.Warn().Str("box", string(c.o.Box)).Msg("commit came too late: another holds the mailbox")
		return nil
	}
	c.e.deliver(ctx, l.mb.shard, op, array(answer[1]))
	if k.Then != nil {
		k.Then(time.Since(began))
	}
	mem := l.mem.changed(k, l.token)
	if len(answer) == 6 {
		next := &lease{c: c, mb: l.mb, token: str(answer[2]), mem: mem, turn: l.turn + 1}
		err := next.begin(num(answer[3]), answer[4], array(answer[5]), sent, c.o.Lease)
		if err == nil {
			return next
		}
		c.e.log.Error().Err(err).Str("box", string(c.o.Box)).Msg("next delivery cannot be read")
		return nil
	}
	c.e.keep(l.mb, mem)
	return nil
}

// keep puts the memory of a mailbox that is not held any more into the cache.
func (e *Engine) keep(mb *mailbox, mem *memory) {
	if len(mem.view.Fields) > 0 || len(mem.view.Log) > 0 {
		e.memos.put(mb.id, mem)
	}
}
