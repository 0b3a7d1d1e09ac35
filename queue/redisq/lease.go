package redisq

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// claimFor bounds the lease of a mailbox that was taken but not loaded yet: where
// the answer of a take is lost, its mailboxes come back this soon.
const claimFor = 5 * time.Second

// lease is one taking of a mailbox.
type lease struct {
	c     *consumer
	mb    *mailbox
	token string
	mem   *memory
	// turn counts the deliveries in a row, from 1.
	turn     int
	ctx      context.Context
	cancel   context.CancelCauseFunc
	delivery queue.Delivery

	mu sync.Mutex
	// lost is set when another may hold the mailbox, finishing once the handler is
	// back: then Redis alone judges.
	lost, finishing bool
	// deadline rings at until, when the lease may have lapsed. It began before the
	// server's, so that it is never later. At beat it is to be extended.
	deadline    *time.Timer
	until, beat time.Time
}

// take leases up to n ready mailboxes of a shard and loads them. It gives after
// how long to look again when nobody wakes: 0 means at once.
func (c *consumer) take(ctx context.Context, s *shard, n int) (got []*lease, next time.Duration, err error) {
	keys := append([]string{s.meta()}, s.box(c.o.Box)...)
	answer, err := c.e.run(ctx, "take", takeScript, keys, n, micros(min(c.o.Lease, claimFor)))
	if err != nil {
		return nil, 0, err
	}
	taken := array(answer)
	if len(taken)%2 != 1 {
		return nil, 0, damaged("take", "")
	}
	next = blockFor
	if due := num(taken[0]); due >= 0 {
		// Rounded up, since the server's count is cut off.
		next = min(next, time.Duration(due)*time.Microsecond+time.Millisecond)
	}
	taken = taken[1:]
	if len(taken) == 0 {
		return nil, next, nil
	}
	if len(taken) == 2*n {
		next = 0
	}
	got, err = c.load(ctx, s, taken)
	return got, next, err
}

// load makes leases of what was taken: id, token, ... One that cannot be loaded in
// the time of its claim is left to lapse.
func (c *consumer) load(ctx context.Context, s *shard, taken []any) ([]*lease, error) {
	began := time.Now()
	calls := make([]*call, 0, len(taken)/2)
	known := make([]*memory, 0, len(taken)/2)
	for i := 0; i+1 < len(taken); i += 2 {
		mb := &mailbox{shard: s, id: str(taken[i])}
		mem := c.e.memos.take(mb.id)
		version := ""
		if mem != nil {
			version = mem.version
		}
		known = append(known, mem)
		calls = append(calls, &call{
			script: loadScript,
			keys:   append([]string{mb.state(), mb.items(), mb.fields(), mb.log()}, s.box(c.o.Box)...),
			args:   []any{mb.id, str(taken[i+1]), micros(c.o.Lease), c.o.Batch, version},
		})
	}
	c.loadAll(ctx, calls, began)
	var got []*lease
	var failed error
	for i, one := range calls {
		if one.err != nil {
			failed = one.err
			continue
		}
		answer := array(one.answer)
		if len(answer) == 0 {
			continue
		}
		l, err := c.newLease(answer, str(one.args[1]), known[i], began, c.o.Lease)
		if err != nil {
			failed = err
			continue
		}
		got = append(got, l)
	}
	return got, failed
}

// loadAll runs the scripts, again where an answer is missing: a load that was done and
// not heard of would hold its mailbox for a whole lease.
func (c *consumer) loadAll(ctx context.Context, calls []*call, began time.Time) {
	for {
		c.e.runAll(ctx, "load", calls)
		calls = slices.DeleteFunc(slices.Clone(calls), func(one *call) bool {
			return one.err == nil || fault.ClassOf(one.err) != fault.Retryable
		})
		if len(calls) == 0 || time.Since(began) > claimFor || !c.e.pause(c.stop, firstWait) {
			return
		}
		for _, one := range calls {
			one.err = nil
		}
	}
}

// newLease reads the answer of load: attempt, note, version, key, items, fields, log.
func (c *consumer) newLease(answer []any, token string, mem *memory, began time.Time, life time.Duration) (*lease, error) {
	for len(answer) < 7 {
		answer = append(answer, nil)
	}
	key, err := decodeKey(str(answer[3]))
	if err != nil {
		return nil, err
	}
	version := str(answer[2])
	if answer[5] != nil || mem == nil || mem.version != version {
		mem = newMemory(version, array(answer[5]), array(answer[6]))
	}
	l := &lease{c: c, mb: c.e.mailbox(key), token: token, mem: mem, turn: 1}
	return l, l.begin(num(answer[0]), answer[1], array(answer[4]), began, life)
}

// begin fills in what the handler gets and starts the lease, which lives so long at first.
func (l *lease) begin(attempt int64, note any, items []any, began time.Time, life time.Duration) error {
	if len(items) == 0 {
		return damaged("mailbox without items", l.mb.wire)
	}
	n, err := strconv.ParseUint(l.token, 10, 64)
	if err != nil {
		return damaged("token", l.token)
	}
	l.delivery = queue.Delivery{
		Key: l.mb.key, Memory: l.mem.view, Attempt: int(attempt), Last: int(attempt) >= l.c.o.MaxAttempts,
		Token: queue.Token(n), Left: l.left, SetNote: l.setNote,
	}
	if text, ok := note.(string); ok {
		l.delivery.Note = []byte(text)
	}
	for i, item := range items {
		in, at, err := decodeItem(str(item))
		if err != nil {
			return err
		}
		if i == 0 {
			l.delivery.Since = at
		}
		l.delivery.Items = append(l.delivery.Items, in)
	}
	e := l.c.e
	l.ctx, l.cancel = context.WithCancelCause(l.c.base)
	l.until, l.beat = began.Add(life), began.Add(min(life/3, l.c.o.Heartbeat))
	l.deadline = time.AfterFunc(time.Until(l.until), l.lapse)
	e.mu.Lock()
	e.leases[l] = struct{}{}
	e.mu.Unlock()
	if e.isClosed() {
		l.lose(closed("consume"))
	}
	return nil
}

// end forgets the lease.
func (l *lease) end() {
	l.deadline.Stop()
	l.cancel(nil)
	l.c.e.mu.Lock()
	delete(l.c.e.leases, l)
	l.c.e.mu.Unlock()
}

// finish tells that the handler is back, false when the lease was lost before.
func (l *lease) finish() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return false
	}
	l.finishing = true
	l.deadline.Stop()
	return true
}

// lose ends the handler's context, unless the handler is back already.
func (l *lease) lose(cause error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || l.finishing {
		return false
	}
	l.lost = true
	l.cancel(cause)
	return true
}

func (l *lease) lapse() {
	if l.lose(stale("lease")) {
		l.c.e.log.Warn().Str("box", string(l.mb.key.Box)).Str("mailbox", l.mb.id).Msg("lease lapsed")
	}
}

func (l *lease) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// extend moves the deadline after a heartbeat that was sent at began.
func (l *lease) extend(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lost && !l.finishing {
		l.until, l.beat = began.Add(l.c.o.Lease), began.Add(l.c.o.Heartbeat)
		l.deadline.Reset(time.Until(l.until))
	}
}

// due tells whether the lease is to be extended by now.
func (l *lease) due(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !now.Before(l.beat)
}

// left is Delivery.Left. It does not trust that the deadline rang in time.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || l.finishing || l.ctx.Err() != nil {
		return 0
	}
	return max(time.Until(l.until), 0)
}

// attempt is which try of the first item this is.
func (l *lease) attempt() int { return l.delivery.Attempt }

// releaseCall ends the lease without a commit.
func (l *lease) releaseCall(tries int, wait time.Duration) *call {
	return &call{
		script: releaseScript,
		keys:   append([]string{l.mb.state(), l.mb.items()}, l.mb.shard.box(l.mb.key.Box)...),
		args:   []any{l.mb.id, l.token, tries, micros(wait)},
	}
}

// setNote is Delivery.SetNote.
func (l *lease) setNote(ctx context.Context, note []byte) error {
	if l.c.e.isClosed() {
		return closed("set note")
	}
	if l.isLost() {
		return stale("set note")
	}
	answer, err := l.c.e.run(ctx, "set note", noteScript, []string{l.mb.state(), l.mb.shard.box(l.mb.key.Box)[2]}, l.mb.id, l.token, note)
	if err != nil {
		return err
	}
	if num(answer) == 0 {
		l.lapse()
		return stale("set note")
	}
	return nil
}

// beat extends the consumer's leases until it is idle.
func (c *consumer) beat(ctx context.Context, idle <-chan struct{}) {
	every := min(c.o.Heartbeat, c.atFirst()/3)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-idle:
			return
		case now := <-tick.C:
			c.beatOnce(ctx, now.Add(every/2))
		}
	}
}

// beatOnce extends the leases that are to be until now.
func (c *consumer) beatOnce(ctx context.Context, now time.Time) {
	held := map[*shard][]*lease{}
	c.e.mu.Lock()
	for l := range c.e.leases {
		if l.c == c && l.due(now) {
			held[l.mb.shard] = append(held[l.mb.shard], l)
		}
	}
	c.e.mu.Unlock()
	began := time.Now()
	var calls []*call
	var of [][]*lease
	for s, leases := range held {
		keys := s.box(c.o.Box)
		args := []any{micros(c.o.Lease)}
		for _, l := range leases {
			args = append(args, l.mb.id, l.token)
		}
		calls = append(calls, &call{script: beatScript, keys: []string{keys[1], keys[2]}, args: args})
		of = append(of, leases)
	}
	if len(calls) == 0 {
		return
	}
	c.e.runAll(ctx, "heartbeat", calls)
	for i, one := range calls {
		if one.err != nil {
			c.e.complain("heartbeat", one.err)
			continue
		}
		lost := map[string]bool{}
		for _, id := range array(one.answer) {
			lost[str(id)] = true
		}
		for _, l := range of[i] {
			if lost[l.mb.id] {
				l.lapse()
			} else {
				l.extend(began)
			}
		}
	}
}
