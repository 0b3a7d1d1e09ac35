package redisq

import (
	"context"
	"strconv"
	"time"
)

const (
	// carryEvery is how often is looked for parcels that nobody carries on, since the
	// one who committed them died or could not reach their shard.
	carryEvery = time.Second
	// mostCarried bounds the parcels of one step.
	mostCarried = 64
)

// deliver carries on what a commit published for other shards. The commit itself
// is done: what cannot be carried now is carried later, in its order.
//
// begun are KEYS index and number of the first entry of each channel that was empty
// before. There the parcels are known; from any other channel its front is read, since
// what stands there must go first.
func (e *Engine) deliver(ctx context.Context, from *shard, op *commitCall, begun []any) {
	first := map[int64]string{}
	for i := 0; i+1 < len(begun); i += 2 {
		first[num(begun[i])] = str(begun[i+1])
	}
	ready := map[*shard][]parcel{}
	var order []*shard
	started := map[int64]int64{}
	for i, p := range op.away {
		to := p.mb.shard
		if _, met := ready[to]; !met {
			order = append(order, to)
			ready[to] = nil
		}
		at := op.channel[i]
		text, empty := first[at]
		if !empty {
			continue
		}
		if _, ok := started[at]; !ok {
			n, _ := strconv.ParseInt(text, 10, 64)
			started[at] = n - int64(i)
		}
		p.number = started[at] + int64(i)
		ready[to] = append(ready[to], p)
	}
	for _, to := range order {
		if err := e.forward(ctx, from, to, ready[to]); err != nil {
			e.log.Warn().Err(err).Int("from", from.number).Int("to", to.number).Msg("carried later")
		}
	}
}

// forward moves parcels from a channel's front into their mailboxes, until the
// channel is empty. parcels are the front if it is known.
func (e *Engine) forward(ctx context.Context, from, to *shard, parcels []parcel) error {
	for {
		if len(parcels) == 0 {
			var err error
			if parcels, err = e.front(ctx, from, to); err != nil || len(parcels) == 0 {
				return err
			}
		}
		last, err := e.receive(ctx, from, to, parcels)
		if err != nil {
			return err
		}
		left, err := e.run(ctx, "carry", trimScript, []string{from.meta(), from.channel(to), from.outs()}, to.number, last)
		if err != nil || num(left) == 0 {
			return err
		}
		parcels = nil
	}
}

// front reads the first parcels of a channel.
func (e *Engine) front(ctx context.Context, from, to *shard) ([]parcel, error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	entries, err := e.rdb.LRange(ctx, from.channel(to), 0, mostCarried-1).Result()
	if err != nil {
		return nil, e.classify("carry", err)
	}
	parcels := make([]parcel, 0, len(entries))
	for _, entry := range entries {
		p, err := e.decodeParcel(entry)
		if err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	return parcels, nil
}

// receive puts parcels into their mailboxes; those that are there already are
// skipped. It gives the last number that the shard has.
func (e *Engine) receive(ctx context.Context, from, to *shard, parcels []parcel) (string, error) {
	keys := &outKeys{keys: []string{to.meta()}, known: map[string]int{}}
	args := []any{from.number}
	for _, p := range parcels {
		at := keys.add(p.mb.state(), p.mb.items())
		box := keys.add(to.box(p.mb.key.Box)...)
		args = append(args, p.number, string(p.mb.key.Box), p.payload, p.settle, p.mb.wire, at, box, p.mb.id)
	}
	answer, err := e.runSafely(ctx, "carry", receiveScript, keys.keys, args...)
	return str(answer), err
}

// carry looks for parcels that stayed behind.
func (e *Engine) carry() {
	ctx := e.life
	for e.pause(nil, carryEvery) {
		for _, from := range e.shards {
			if err := e.carryFrom(ctx, from); err != nil {
				e.log.Debug().Err(err).Int("from", from.number).Msg("parcels wait")
			}
			if e.isClosed() {
				return
			}
		}
	}
}

func (e *Engine) carryFrom(ctx context.Context, from *shard) error {
	within, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	waiting, err := e.rdb.SMembers(within, from.outs()).Result()
	if err != nil {
		return e.classify("carry", err)
	}
	for _, number := range waiting {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(e.shards) {
			return damaged("outs", number)
		}
		if err := e.forward(ctx, from, e.shards[n], nil); err != nil {
			return err
		}
	}
	return nil
}
