package archive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// Store keeps memories. Any number of processes use it at the same time.
type Store interface {
	// Put keeps a memory of a mailbox; durable on nil. The reference was never given before.
	Put(ctx context.Context, of queue.Key, memory []byte) (ref string, err error)
	// Get reads a memory; false when there is none of that reference.
	Get(ctx context.Context, ref string) (memory []byte, ok bool, err error)
	// Drop removes a memory; nil also when it is gone.
	Drop(ctx context.Context, ref string) error
}

// Engine is a queue that can tell which of its mailboxes are idle.
type Engine interface {
	queue.Queue
	// Idle calls fn for the mailboxes of a box that have a log in their memory, no items,
	// and no commit since before, until one call fails.
	Idle(ctx context.Context, box queue.Box, before time.Time, fn func(queue.Key) error) error
}

// Dropped is the box of the references whose copies are to go.
const Dropped queue.Box = "archive"

const (
	// marker is the field of a mailbox whose memory is in the store: its reference.
	marker = "archived"
	// itemPrefix begins the ids of the archive's own items.
	itemPrefix = "archive/"
	// dropBatch is how many copies are dropped in one delivery.
	dropBatch = 64
	// storeWait is how long a mailbox waits whose memory cannot be read now.
	storeWait = 2 * time.Second
)

// Options of an archive. All but Log are required.
type Options struct {
	Engine Engine
	Store  Store
	// Box is whose memories are put away.
	Box queue.Box
	// After is how long a mailbox must have been idle, Every how often is looked; After 0
	// puts nothing away and brings back what was.
	After, Every time.Duration
	Log          zerolog.Logger
}

// Queue is an engine whose idle memories are in a store.
type Queue struct {
	Engine
	o Options
}

var _ queue.Queue = (*Queue)(nil)

// New wraps an engine. Nothing is put away before Run.
func New(o Options) *Queue { return &Queue{o.Engine, o} }

// Run puts memories away and drops copies that are back, until ctx ends; nil then.
func (q *Queue) Run(ctx context.Context) error {
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		if q.o.After > 0 {
			q.keepLooking(ctx)
		}
	}()
	err := q.Engine.Consume(ctx, queue.ConsumeOptions{Box: Dropped, Slots: 1, Batch: dropBatch, MaxAttempts: 1 << 30}, q.drop)
	<-looked
	return err
}

func (q *Queue) keepLooking(ctx context.Context) {
	tick := time.NewTicker(q.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := q.Look(ctx); err != nil && ctx.Err() == nil {
				q.o.Log.Warn().Err(err).Msg("looking for idle memories")
			}
		}
	}
}

// Look asks every mailbox that is idle now to put its memory away. Any number of
// processes may: a mailbox is asked once within an Options.After.
func (q *Queue) Look(ctx context.Context) error {
	now := time.Now()
	round := strconv.FormatInt(now.Truncate(q.o.After).Unix(), 36)
	return q.Idle(ctx, q.o.Box, now.Add(-q.o.After), func(key queue.Key) error {
		_, err := q.Publish(ctx, key, queue.Item{ID: fmt.Sprintf("%s%s/%q", itemPrefix, round, []string{key.Scope, string(key.Account), key.Owner, key.Thread})})
		return err
	})
}

func (q *Queue) drop(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
	for i, item := range d.Items {
		if err := q.o.Store.Drop(ctx, string(item.Body)); err != nil {
			if i > 0 {
				return queue.Commit{Done: i}, nil
			}
			return queue.Commit{}, err
		}
	}
	return queue.Commit{Done: len(d.Items)}, nil
}

// Consume is the engine's, with the memories that are in the store.
func (q *Queue) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	if o.Box != q.o.Box || h == nil {
		return q.Engine.Consume(ctx, o, h)
	}
	return q.Engine.Consume(ctx, o, func(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
		if own(d.Items[0]) {
			return q.putAway(ctx, d)
		}
		for i, item := range d.Items {
			if own(item) {
				d.Items = d.Items[:i]
				break
			}
		}
		ref, away := d.Memory.Fields[marker]
		if !away {
			return h(ctx, d)
		}
		return q.restored(ctx, d, string(ref), h)
	})
}

func own(i queue.Item) bool { return strings.HasPrefix(i.ID, itemPrefix) }

// putAway handles the archive's own item. Whatever speaks against it, the mailbox is
// asked again another time: nobody's message waits for it.
func (q *Queue) putAway(ctx context.Context, d queue.Delivery) (queue.Commit, error) {
	if _, away := d.Memory.Fields[marker]; away || len(d.Items) > 1 || len(d.Memory.Log) == 0 {
		return queue.Commit{Done: 1}, nil
	}
	ref, err := q.o.Store.Put(ctx, d.Key, encode(d.Memory))
	if err != nil {
		q.o.Log.Warn().Err(err).Msg("an idle memory stays where it is")
		return queue.Commit{Done: 1}, nil
	}
	set := make(map[string][]byte, len(d.Memory.Fields)+1)
	for name := range d.Memory.Fields {
		set[name] = nil
	}
	set[marker] = []byte(ref)
	return queue.Commit{Done: 1, Set: set, Trim: len(d.Memory.Log)}, nil
}

// errMissing is a reference to nothing: somebody else dropped what is the store's.
var errMissing = errors.New("the archive has lost the memory of this conversation")

// restored lets h handle a delivery with the memory from the store, which its commit
// then puts back whole.
func (q *Queue) restored(ctx context.Context, d queue.Delivery, ref string, h queue.Handler) (queue.Commit, error) {
	data, ok, err := q.o.Store.Get(ctx, ref)
	if err != nil {
		return queue.Commit{}, fault.New(fault.RateLimited, "restore memory", err, fault.WithWait(storeWait))
	}
	var m queue.Memory
	if !ok {
		// It is gone for good, and a person waits.
		q.o.Log.Error().Err(errMissing).Str("memory", ref).Msg("going on without a memory")
	} else if m, err = decode(data); err != nil {
		return queue.Commit{}, fault.New(fault.NeedsHuman, "restore memory", err)
	}
	d.Memory = m
	c, err := h(ctx, d)
	if err != nil {
		return c, err
	}
	whole := make(map[string][]byte, len(m.Fields)+len(c.Set)+1)
	for name, value := range m.Fields {
		whole[name] = value
	}
	for name, value := range c.Set {
		if value == nil {
			delete(whole, name)
		} else {
			whole[name] = value
		}
	}
	whole[marker] = nil
	kept := m.Log[min(max(c.Trim, 0), len(m.Log)):]
	c.Set, c.Trim, c.Append = whole, 0, append(append([][]byte{}, kept...), c.Append...)
	c.Out = append(append([]queue.Outgoing{}, c.Out...), queue.Outgoing{
		Key:  queue.Key{Box: Dropped, Scope: "copies", Owner: "all"},
		Item: queue.Item{ID: "drop/" + ref, Body: []byte(ref)},
	})
	return c, nil
}
