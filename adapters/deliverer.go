package adapters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	// callTimeout bounds one call to a platform that leaves or changes a message.
	callTimeout = time.Minute
	// patience is how long a delivery may hold its slot while it waits for room.
	patience = 50 * time.Millisecond
	// holding is how long the chats of a node that died are kept from the others.
	holding = 10 * time.Second
	// noteTimeout bounds the storing of a note after the delivery was cancelled.
	noteTimeout = 5 * time.Second
)

// DelivererOptions are what a Deliverer is made from. Queue and Adapters are
// required.
type DelivererOptions struct {
	Queue    queue.Queue
	Adapters map[core.Account]Adapter
	// Topic is how the Deliverers of several nodes that share the queue tell each other
	// of drafts; nil for a node alone.
	Topic Topic
	// Lanes tell where the replies to a chat wait, as they do whoever publishes them.
	// Only with a Topic have accounts an outbox of their own.
	Lanes queue.Lanes
	// Sent finds the reply that a message belongs to, on whatever node it was delivered;
	// with a Topic only. May be nil: then a draft that comes behind its final, since its
	// node was paused in the middle of the call, is the last word.
	Sent Sent
	// Limiter is shared with whoever else calls the platforms, on this node and on
	// others; nil means one of its own, made from what the adapters describe.
	Limiter Limiter
	// Ledger gives what is to be recorded of a reply that stands; false for nothing.
	// It is published in the step that takes the reply off the outbox. May be nil.
	Ledger func(r core.Reply, receipts []core.Receipt) (queue.Outgoing, bool)
	// Observer sees what becomes of replies; may be nil.
	Observer core.Observer
	Log      zerolog.Logger
	// Slots is how many chats are sent to at once; 0 means 64. They are shared out
	// among the accounts, so that a platform that hangs holds only its own part.
	Slots int
	// MaxAttempts is how often a reply is tried before it is buried, waits that the
	// platform asked for not counted; 0 means 20, some 25 minutes with the default
	// Backoff.
	MaxAttempts int
	// Backoff gives the waits after failures that do not tell their own; nil means
	// one second, doubling, up to two minutes.
	Backoff Backoff
	// Grace is how long calls under way may finish after Run was told to end; 0
	// means the queue's default.
	Grace time.Duration
}

// Deliverer takes each chat's next reply out of the outbox and brings it to the
// platform, and shows drafts meanwhile.
//
// What it promises of a reply: its pieces stand in order, and none is sent twice
// without somebody being told. Before each call that leaves a message it notes that
// it is about to, and after it what the platform answered. If it finds on a
// redelivery that a call was begun and not ended, it asks the platform where there
// is a way (Reconciler); where there is none it sends that piece once more, counts
// that as StageUnsure, and the second time buries the reply.
//
// A reply that cannot be sent now waits in the queue and holds no slot. One that
// can never be sent is buried with its reason.
type Deliverer struct {
	queue queue.Queue
	topic Topic
	lanes queue.Lanes
	// sentBefore is DelivererOptions.Sent.
	sentBefore Sent
	accounts   map[core.Account]*account
	limiter    Limiter
	ledger     func(core.Reply, []core.Receipt) (queue.Outgoing, bool)
	observer   core.Observer
	log        zerolog.Logger
	consume    queue.ConsumeOptions
	drafts     *drafts
}

// account is an adapter with how many of its calls are under way.
type account struct {
	Adapter
	about Description
	busy  atomic.Int64
	most  int64
	// line holds the one who may send, where the platform wants one at a time.
	line chan struct{}
}

// enter takes one of the account's slots if one is free.
func (a *account) enter() bool {
	if a.busy.Add(1) > a.most {
		a.busy.Add(-1)
		return false
	}
	return true
}

func (a *account) leave() { a.busy.Add(-1) }

// queueUp waits until the account's last send is known to have ended, or is taking
// long (Capabilities.Overlap). The caller calls done when its own has.
func (a *account) queueUp(ctx context.Context) (done func(), err error) {
	if a.about.Capabilities.Overlap <= 0 {
		return func() {}, nil
	}
	select {
	case a.line <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Retryable, "send", ctx.Err())
	}
	next := sync.OnceFunc(func() { <-a.line })
	slow := time.AfterFunc(a.about.Capabilities.Overlap, next)
	return func() { slow.Stop(); next() }, nil
}

// NewDeliverer makes a Deliverer; it does nothing before Run.
func NewDeliverer(o DelivererOptions) *Deliverer {
	consume := queue.ConsumeOptions{
		Box: queue.Outbox, Effects: true, Slots: o.Slots, Lease: holding, Grace: o.Grace, MaxAttempts: cmp.Or(o.MaxAttempts, 20), Backoff: o.Backoff,
	}
	if o.Backoff == nil {
		consume.Backoff = Doubling(time.Second, 2*time.Minute)
	}
	consume = consume.WithDefaults()
	d := &Deliverer{
		queue: o.Queue, topic: o.Topic, lanes: o.Lanes, sentBefore: o.Sent, accounts: map[core.Account]*account{}, limiter: o.Limiter, ledger: o.Ledger,
		observer: o.Observer, log: o.Log, consume: consume,
	}
	limits := map[core.Account]Limits{}
	for name, a := range o.Adapters {
		about := a.Describe()
		limits[name] = about.Capabilities.Limits
		d.accounts[name] = &account{Adapter: a, about: about, most: int64(max(consume.Slots/len(o.Adapters), 1)), line: make(chan struct{}, 1)}
	}
	if d.limiter == nil {
		d.limiter = NewLimiter(limits)
	}
	d.drafts = newDrafts(d)
	return d
}

// Run delivers until ctx ends and what was under way is finished or handed back;
// it returns nil then. It returns a fault only when the queue cannot go on.
func (d *Deliverer) Run(ctx context.Context) error {
	stop := d.drafts.start(context.WithoutCancel(ctx))
	defer stop()
	if d.topic == nil {
		return d.queue.Consume(ctx, d.consume, d.handle)
	}
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { d.drafts.answers(ctx) })
	for _, box := range d.leftBehind(ctx) {
		parts.Go(func() {
			consume := d.consume
			consume.Box = box
			if err := d.queue.Consume(ctx, consume, d.handle); err != nil {
				d.log.Error().Err(err).Str("box", string(box)).Msg("what was left in a box cannot be brought out")
			}
		})
	}
	return d.queue.Consume(ctx, d.consume, d.handle)
}

// leftBehind finds the outboxes of accounts that shared the common one again after they
// had one of their own, as far as something waits there.
func (d *Deliverer) leftBehind(ctx context.Context) []queue.Box {
	var boxes []queue.Box
	for name := range d.accounts {
		box := queue.OutboxOf(name)
		if d.lanes.Own(name) {
			continue
		}
		if s, err := d.queue.Stats(ctx, box); err != nil || s.Items > 0 {
			boxes = append(boxes, box)
		}
	}
	return boxes
}

// handle brings out the first item of a lane.
func (d *Deliverer) handle(ctx context.Context, q queue.Delivery) (queue.Commit, error) {
	item := q.Items[0]
	if id, ok := draftOf(item.ID); ok {
		return d.drafts.place(ctx, q, id)
	}
	r, err := core.DecodeReply(item.Body)
	if err != nil {
		d.log.Error().Err(err).Str("item", item.ID).Msg("reply buried: it cannot be read")
		return queue.Commit{Done: 1, Bury: err.Error()}, nil
	}
	r.Final = true
	s := &sending{d: d, q: q, reply: r, memory: memory{q.Memory.Fields}}
	if s.note, err = readNote(q.Note); err != nil {
		return s.bury(ctx, err)
	}
	a, ok := d.accounts[r.To.Account]
	if !ok {
		return s.bury(ctx, fmt.Errorf("account %q is not configured", r.To.Account))
	}
	if err := d.elsewhere(r.To.Account, q.Key.Box); err != nil {
		return queue.Commit{}, err
	}
	if !a.enter() {
		return queue.Commit{}, fault.New(fault.RateLimited, "send", errNoSlot, fault.WithWait(jitter(time.Second)))
	}
	defer a.leave()
	s.account = a
	return s.settle(ctx, s.run(ctx))
}

// Reasons to wait that are the hub's own and no failure.
var (
	errNoSlot = errors.New("the account has as many calls under way as it may")
	errNoRoom = errors.New("the account's or the chat's limit is reached")
)

// room waits until the limiter has room for a call. A longer wait is returned as a
// fault, for the lane to sit out in the queue.
func (d *Deliverer) room(ctx context.Context, to core.Conversation, m Method) error {
	for {
		wait, err := d.limiter.Reserve(ctx, to, m)
		switch {
		case err != nil:
			// That nobody knows whether there is room says nothing against the reply, so
			// it is a wait and no failed attempt.
			return fault.New(fault.RateLimited, "limit", err, fault.WithWait(time.Second))
		case wait <= 0:
			return nil
		case wait > patience:
			return fault.New(fault.RateLimited, "limit", errNoRoom, fault.WithWait(wait))
		case !sleep(ctx, wait):
			return fault.New(fault.Retryable, "limit", ctx.Err())
		}
	}
}

// obey tells the limiter what the platform asked for. It gives the wait.
func (d *Deliverer) obey(ctx context.Context, to core.Conversation, m Method, err error) time.Duration {
	wait := max(fault.Wait(err), leastWait)
	d.wait(ctx, to, m, fault.ScopeOf(err), wait)
	return wait
}

// wait tells the limiter to wait, even where ctx ends: the platform said so. A limiter
// that could not note it makes no call before it has.
func (d *Deliverer) wait(ctx context.Context, to core.Conversation, m Method, scope fault.Scope, wait time.Duration) {
	if err := d.limiter.Obey(context.WithoutCancel(ctx), to, m, scope, wait); err != nil {
		d.log.Warn().Err(err).Str("account", string(to.Account)).Dur("wait", wait).Msg("a wait that the platform asked for could not be noted yet")
	}
}

// call makes one call to an adapter. A panic becomes a Bug whose outcome is unknown.
func (d *Deliverer) call(ctx context.Context, limit time.Duration, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			d.log.Error().Bytes("stack", debug.Stack()).Msg("sender panicked")
			err = fault.New(fault.Bug, "send", panicked{p}, fault.Unsure(), fault.WithRef(fault.NewRef()))
		}
	}()
	return f(ctx)
}

func (d *Deliverer) observe(stage core.Stage, r core.Reply, took time.Duration, err error) {
	if d.observer != nil {
		d.observer.Observe(core.Event{
			Stage: stage, At: time.Now(), Took: took, Trace: r.Trace, Account: r.To.Account, Err: err,
		})
	}
}

// unsure tells whether a failed call may have left a message all the same. Of an
// error that no adapter classified nobody can say it did not.
func unsure(err error) bool {
	if fault.ClassOf(err) == fault.RateLimited {
		return false
	}
	return fault.IsUnsure(err) || !errors.As(err, new(*fault.Error))
}
