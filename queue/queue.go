package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Box is a family of mailboxes that one kind of consumer works through.
type Box string

// The hub's boxes.
const (
	// Inbox holds envelopes, one mailbox a conversation.
	Inbox Box = "inbox"
	// Outbox holds replies, one mailbox (lane) a chat; see Lanes.
	Outbox Box = "outbox"
	// Ledger holds what is to be written into the records.
	Ledger Box = "ledger"
)

// Key names one mailbox. It is a struct so that two different owners can never
// become the same mailbox by the way their names are glued.
type Key struct {
	Box Box
	// Scope says whose mailbox it is: a person's, a place's, a chat's.
	Scope string
	// Account is empty where the owner is the same on every account.
	Account core.Account
	Owner   string
	Thread  string
}

// Lane is the mailbox of a chat in the common outbox. Threads share their chat's lane,
// since platforms limit and order by chat. Who publishes replies asks Lanes.Of.
func Lane(to core.Conversation) Key {
	return Key{Box: Outbox, Scope: "chat", Account: to.Account, Owner: string(to.Chat)}
}

// Item is one message in a mailbox.
type Item struct {
	// ID makes a repeat harmless; never empty.
	ID   string
	Body []byte
	// Settle keeps the mailbox from being taken until this long after the item
	// was published, so that what belongs to it may follow. 0 for most items.
	Settle time.Duration
}

// Outcome of a Publish that did not fail.
type Outcome uint8

// The outcomes.
const (
	Accepted Outcome = iota + 1
	// Duplicate: an item of this id was accepted before, inside the window.
	Duplicate
)

// Errors that callers tell apart. Each is wrapped in a fault: ErrBusy and
// ErrFull are Retryable, and so are ErrStale and ErrClosed.
var (
	// ErrBusy: the mailbox or the engine holds as much as it may.
	ErrBusy = errors.New("queue is full")
	// ErrFull: the disk or its budget is exhausted.
	ErrFull = errors.New("no room to store")
	// ErrStale: the lease was lost to another holder.
	ErrStale = errors.New("stale token")
	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("queue is closed")
	// ErrNoLetter: there is no dead letter of that id.
	ErrNoLetter = errors.New("no such dead letter")
)

// Queue is an engine of mailboxes.
type Queue interface {
	// Publish appends item to the mailbox of key; durable on nil.
	Publish(ctx context.Context, key Key, item Item) (Outcome, error)
	// Consume hands the box's mailboxes to h until ctx ends, then drains and
	// returns nil; it returns a fault only when the engine cannot go on.
	Consume(ctx context.Context, o ConsumeOptions, h Handler) error
	// Stats tells what the box holds now.
	Stats(ctx context.Context, box Box) (Stats, error)
	// DeadLetters gives access to what was buried.
	DeadLetters() DeadLetters
	// Close ends the engine. Calls under way return ErrClosed. Safe to repeat.
	Close() error
}

// ConsumeOptions tell how a box is worked through. Only Box is required.
type ConsumeOptions struct {
	Box Box
	// Slots is how many mailboxes are handled at once; 0 means 64.
	Slots int
	// Batch is how many waiting items one delivery carries at most; 0 means 1.
	Batch int
	// Lease is how long a holder that fell silent keeps its mailbox; 0 means 30 s.
	Lease time.Duration
	// Heartbeat is how often the lease is extended while a handler runs; 0 means a
	// third of Lease. Longer than Lease means that leases lapse, as if the holder
	// had been paused.
	Heartbeat time.Duration
	// Turns is how many deliveries a mailbox gets before it goes behind the other
	// ready ones; 0 means 8.
	Turns int
	// MaxAttempts is how often the first item may be tried, the deaths of its
	// holder counted in, before it is buried; 0 means 5.
	MaxAttempts int
	// Backoff gives the wait after the attempt-th failure (from 1) that does not
	// tell its own; nil means one second, doubling, up to a minute.
	Backoff func(attempt int) time.Duration
	// Grace is how long handlers may finish after ctx ended; 0 means 10 s.
	Grace time.Duration
	// Effects is for handlers that do what cannot be undone: an engine that may forget
	// the end of its history, as one that fails over may, begins a delivery only once
	// that is out of the question, or its own limit for that has passed. Then a delivery
	// that was begun has its attempt counted.
	Effects bool
}

// WithDefaults fills what was left out.
func (o ConsumeOptions) WithDefaults() ConsumeOptions {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Slots, 64)
	set(&o.Batch, 1)
	set(&o.Turns, 8)
	set(&o.MaxAttempts, 5)
	wait(&o.Lease, 30*time.Second)
	wait(&o.Heartbeat, o.Lease/3)
	wait(&o.Grace, 10*time.Second)
	if o.Backoff == nil {
		o.Backoff = func(attempt int) time.Duration {
			return min(time.Second<<min(attempt-1, 6), time.Minute)
		}
	}
	return o
}

// Token fences a lease: it grows with each taking of a mailbox.
type Token uint64

// Delivery is a leased mailbox with the items that wait in it.
type Delivery struct {
	Key Key
	// Items are the first waiting items in order, at least one, at most Batch.
	Items []Item
	// Since is when the first item was published.
	Since  time.Time
	Memory Memory
	// Attempt counts the tries of the first item, from 1.
	Attempt int
	// Last is true when the first item is buried if this attempt fails.
	Last  bool
	Token Token
	// Left tells for how long the lease holds for certain if nothing more is heard from
	// the engine; 0 once the lease may have been lost or the handler is back. It looks at
	// this process's own clock, so a holder that was paused sees it at its first look.
	// Who does something that others would see asks right before, and lets it take no
	// longer.
	Left func() time.Duration
	// Note is what an earlier holder left on the first item with SetNote, nil for
	// nothing. It tells what had been begun when that holder died.
	Note []byte
	// SetNote leaves a note on the first item. It returns once the note would
	// survive the death of this process (not necessarily of the machine) and is
	// cheap enough to be called around every call to the outside. The note goes
	// with the item. ErrStale when the lease was lost.
	SetNote func(ctx context.Context, note []byte) error
}

// Lease is a delivery's hold on its mailbox, for those who act in the delivery's name.
type Lease struct {
	Token Token
	Left  func() time.Duration
}

// Lease gives the delivery's hold on its mailbox.
func (d Delivery) Lease() Lease { return Lease{d.Token, d.Left} }

// Handler works on one delivery. Its error decides what becomes of the first
// item (see the package comment); its Commit is used only without an error. ctx
// ends when the lease was lost or the grace of a drain is over.
type Handler func(ctx context.Context, d Delivery) (Commit, error)

// Memory is what a mailbox remembers: a few named fields and a log. It is shared
// with the engine: read it, never write into it.
type Memory struct {
	Fields map[string][]byte
	Log    [][]byte
	// Memo is what the commit before left as its Memo, if this process still has
	// it; nil at any other time.
	Memo any
}

// Commit is what a handler did with a delivery.
type Commit struct {
	// Done is how many of the first items are finished. 0 is allowed: the items
	// come again at once, with the changes made.
	Done int
	// Bury, when not empty, is why the finished items go to the dead letters
	// instead of being dropped.
	Bury string
	// Set changes fields of the memory; a nil value removes the field.
	Set map[string][]byte
	// Trim drops this many of the oldest entries of the log, before Append.
	Trim int
	// Append adds entries to the log.
	Append [][]byte
	// Memo is what the holder made of the memory as it is after this commit, so that
	// the next one need not make it again. It is never stored.
	Memo any
	// Out is published with the commit. Bounds do not apply to it: what was
	// accepted must be able to leave.
	Out []Outgoing
	// Then, when not nil, is called once the commit is durable, with the time the
	// storing took. It is for watching, must not block, and is not called when the
	// commit failed.
	Then func(took time.Duration)
}

// Check is nil for a commit that makes sense after a delivery of so many items, else a
// Bug fault.
func (c Commit) Check(items int) error {
	if c.Done < 0 || c.Done > items || c.Trim < 0 {
		return fault.New(fault.Bug, "commit", fmt.Errorf("%d of %d items done, %d entries trimmed", c.Done, items, c.Trim))
	}
	for _, out := range c.Out {
		if out.Item.ID == "" || out.Key.Box == "" {
			return fault.New(fault.Bug, "commit", errors.New("an item that goes out needs an id and a box"))
		}
	}
	return nil
}

// Call runs the handler as every engine must: a panic is logged and becomes a Bug fault,
// and so does a commit that makes no sense.
func (h Handler) Call(ctx context.Context, d Delivery, log zerolog.Logger) (c Commit, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error().Str("box", string(d.Key.Box)).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("handler panicked")
			c, err = Commit{}, fault.New(fault.Bug, "handler panicked", fmt.Errorf("%v", p))
		}
	}()
	if c, err = h(ctx, d); err == nil {
		err = c.Check(len(d.Items))
	}
	return c, err
}

// Outgoing is an item on its way into another mailbox.
type Outgoing struct {
	Key  Key
	Item Item
}

// Stats of one box.
type Stats struct {
	// Items waiting or being handled; Ready, Leased and Delayed count mailboxes.
	Items   int
	Ready   int
	Leased  int
	Delayed int
	// Dead counts dead letters.
	Dead int
	// Oldest is when the oldest waiting item was published; zero for none.
	Oldest time.Time
}

// DeadLetter is a buried item.
type DeadLetter struct {
	ID       int64
	Key      Key
	Item     Item
	Reason   string
	Attempts int
	BuriedAt time.Time
}

// DeadLetters is the place of what could not be handled.
type DeadLetters interface {
	// List gives up to limit letters of a box with an id above after, oldest first.
	List(ctx context.Context, box Box, after int64, limit int) ([]DeadLetter, error)
	// Replay puts the letter at the end of its mailbox again, attempts at zero,
	// without regard to the dedupe window. ErrNoLetter when it is gone.
	Replay(ctx context.Context, id int64) error
	// Drop removes the letter for good. ErrNoLetter when it is gone.
	Drop(ctx context.Context, id int64) error
}
