package sqliteq

import (
	"bytes"
	"context"
	"fmt"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// storing is one item on its way into a mailbox.
type storing struct {
	mb *mailbox
	in queue.Item
	// it is what was stored; nil for a duplicate.
	it      *item
	mailbox int64
	fresh   bool
}

// store writes the item.
func (s *storing) store(t *tx) (err error) {
	s.it = nil
	if s.mailbox, s.fresh, err = t.mailbox(s.mb); err != nil {
		return err
	}
	t.e.lastSeq++
	it := &item{seq: t.e.lastSeq, in: s.in, at: t.now}
	if _, err := t.st.itemPut.ExecContext(t.ctx, it.seq, s.mailbox, it.in.ID, filled(it.in.Body), it.at.UnixNano(), int64(it.in.Settle)); err != nil {
		return fmt.Errorf("store item: %w", err)
	}
	s.it = it
	return nil
}

// admit shows a stored item to the consumers.
func (s *storing) admit(e *Engine) {
	if s.it == nil {
		return
	}
	s.mb.id = s.mailbox
	if s.fresh {
		s.mb.mem = newMemory()
	}
	e.admit(s.mb, s.it)
}

// filled gives bytes that are not NULL in the database.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// publishOp stores one item, unless its id was accepted before or there is no room.
type publishOp struct {
	e *Engine
	storing
	// over is set where the bounds are reached: only a duplicate can succeed.
	over    bool
	refused error
	done    chan error
}

// Publish appends the item; on nil it is synced to the disk. The body is copied.
func (e *Engine) Publish(ctx context.Context, key queue.Key, in queue.Item) (queue.Outcome, error) {
	if in.ID == "" || key.Box == "" {
		return 0, misuse("publish", "an item needs an id and a key needs a box")
	}
	in.Body = bytes.Clone(in.Body)
	op := &publishOp{e: e, storing: storing{in: in}, done: make(chan error, 1)}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return 0, closed("publish")
	}
	op.mb = e.pin(key)
	op.over = e.waiting+e.claimed >= e.o.MaxItems || len(op.mb.items)+op.mb.claimed >= e.o.MaxPerKey
	op.mb.claimed++
	e.claimed++
	e.mu.Unlock()
	if err := e.submit(ctx, "publish", op); err != nil {
		op.letGo()
		return 0, err
	}
	if err := e.await(ctx, "publish", op.done); err != nil {
		return 0, err
	}
	if op.it == nil {
		return queue.Duplicate, nil
	}
	return queue.Accepted, nil
}

func (op *publishOp) write(t *tx) error {
	op.it, op.refused = nil, nil
	if op.over {
		op.refused = queue.ErrBusy
	} else if ok, err := t.fits(op.in); err != nil {
		return err
	} else if !ok {
		op.refused = queue.ErrFull
	}
	if op.refused == nil {
		if isNew, err := t.note(op.mb.key.Box, op.in.ID); err != nil || !isNew {
			return err
		}
		return op.store(t)
	}
	known, err := t.seen(op.mb.key.Box, op.in.ID)
	if known {
		op.refused = nil
	}
	return err
}

func (op *publishOp) apply(e *Engine) { op.admit(e) }

func (op *publishOp) answer(err error) {
	op.letGo()
	if err == nil && op.refused != nil {
		err = fault.New(fault.Retryable, "publish", op.refused)
	}
	op.done <- err
}

// letGo gives back what Publish claimed.
func (op *publishOp) letGo() {
	e := op.e
	e.mu.Lock()
	defer e.mu.Unlock()
	op.mb.claimed--
	e.claimed--
	e.unpin(op.mb)
}
