package sqliteq

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	// maxBatch is how many operations share a transaction at most.
	maxBatch = 256
	// patience is how often others may run without an operation coming of it before
	// a batch is closed.
	patience = 4
)

// operation is one change of the journal. write may run more than once: when its
// transaction was rolled back it runs again in one of its own.
type operation interface {
	// write makes the change inside the transaction of t. An error rolls back.
	write(t *tx) error
	// apply makes the same change in process, after the commit, under Engine.mu.
	apply(e *Engine)
	// answer tells the caller how it ended. It comes once, under no lock.
	answer(err error)
}

// tx is a transaction of the writer.
type tx struct {
	e  *Engine
	st *statements
	// ctx is never cancelled: a statement cut short would harm the whole batch.
	ctx context.Context
	now time.Time
	// fresh holds the rows of mailboxes made in this transaction.
	fresh map[queue.Key]int64
	// room is how many pages Publish may still fill; measured when first needed.
	room     int64
	measured bool
}

// runWriter is the one goroutine that writes.
func (e *Engine) runWriter() {
	defer close(e.ended)
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	t := &tx{e: e, st: &e.j.st, ctx: context.Background(), fresh: map[queue.Key]int64{}}
	batch := make([]operation, 0, maxBatch)
	sweep := sweepOp{e: e}
	ending := false
	for {
		batch = batch[:0]
		select {
		case op := <-e.ops:
			batch = append(batch, op)
		case <-ticker.C:
			batch = append(batch, &sweep)
			ticker.Reset(sweepEvery)
		case <-e.closing:
			ending = true
		}
		batch = e.gather(batch)
		if ending && len(batch) == 0 {
			return
		}
		e.runBatch(t, batch)
		clear(batch)
		if sweep.full {
			sweep.full = false
			ticker.Reset(time.Millisecond)
		}
	}
}

// gather adds the operations that wait. While more come it lets others run first:
// on a busy machine their operations then share this transaction, and on an idle
// one nobody else is there to run, so nothing is waited for.
func (e *Engine) gather(batch []operation) []operation {
	for quiet := 0; len(batch) < maxBatch && quiet < patience; {
		select {
		case op := <-e.ops:
			batch = append(batch, op)
			quiet = 0
		default:
			quiet++
			runtime.Gosched()
		}
	}
	return batch
}

// runBatch runs operations in one transaction, or each in its own when one of
// them cannot be done.
func (e *Engine) runBatch(t *tx, batch []operation) {
	err := t.run(batch)
	if err != nil && len(batch) > 1 {
		for i := range batch {
			e.runBatch(t, batch[i:i+1])
		}
		return
	}
	if err == nil {
		e.mu.Lock()
		for _, op := range batch {
			op.apply(e)
		}
		e.mu.Unlock()
	}
	for _, op := range batch {
		op.answer(err)
	}
}

func (t *tx) run(batch []operation) error {
	t.now = time.Now()
	t.measured = false
	clear(t.fresh)
	if _, err := t.st.begin.ExecContext(t.ctx); err != nil {
		return classify("begin", err)
	}
	for _, op := range batch {
		if err := op.write(t); err != nil {
			return t.undo(err)
		}
	}
	if _, err := t.st.commit.ExecContext(t.ctx); err != nil {
		return t.undo(err)
	}
	return nil
}

// undo rolls back. After some errors (a full disk among them) SQLite has done so
// by itself, and the statement says that there is no transaction; a connection
// that is truly stuck fails at the next BEGIN.
func (t *tx) undo(cause error) error {
	if _, err := t.st.rollback.ExecContext(t.ctx); err != nil {
		t.e.log.Debug().Err(err).Msg("rollback")
	}
	return classify("write journal", cause)
}

// submit hands an operation to the writer.
func (e *Engine) submit(ctx context.Context, what string, op operation) error {
	select {
	case <-e.closing:
		return closed(what)
	default:
	}
	select {
	case e.ops <- op:
		return nil
	case <-e.closing:
		return closed(what)
	case <-ctx.Done():
		return fault.New(fault.Retryable, what, context.Cause(ctx))
	}
}

// await waits for the answer of a submitted operation. When ctx ends first the
// outcome is unknown.
func (e *Engine) await(ctx context.Context, what string, answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fault.New(fault.Retryable, what, context.Cause(ctx), fault.Unsure())
	case <-e.ended:
	}
	select {
	case err := <-answer:
		return err
	default:
		return closed(what)
	}
}

// mailbox gives the row of a mailbox, made when there is none, and whether it was
// made just now.
func (t *tx) mailbox(mb *mailbox) (id int64, fresh bool, err error) {
	if mb.id != 0 {
		return mb.id, false, nil
	}
	k := mb.key
	if id := t.fresh[k]; id != 0 {
		return id, false, nil
	}
	err = t.st.mailboxGet.QueryRowContext(t.ctx, string(k.Box), k.Scope, string(k.Account), k.Owner, k.Thread).Scan(&id)
	if err == nil {
		t.fresh[k] = id
		return id, false, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, false, fmt.Errorf("find mailbox: %w", err)
	}
	res, err := t.st.mailboxPut.ExecContext(t.ctx, string(k.Box), k.Scope, string(k.Account), k.Owner, k.Thread)
	if err != nil {
		return 0, false, fmt.Errorf("make mailbox: %w", err)
	}
	if id, err = res.LastInsertId(); err != nil {
		return 0, false, fmt.Errorf("make mailbox: %w", err)
	}
	t.fresh[k] = id
	return id, true, nil
}

// seen tells whether an id was accepted inside the window.
func (t *tx) seen(box queue.Box, id string) (bool, error) {
	var n int
	err := t.st.seenGet.QueryRowContext(t.ctx, string(box), id, t.now.Add(-t.e.o.DedupeWindow).UnixNano()).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look up id: %w", err)
	}
	return n > 0, nil
}

// note remembers an id, and tells false when it was accepted inside the window.
func (t *tx) note(box queue.Box, id string) (bool, error) {
	res, err := t.st.seenPut.ExecContext(t.ctx, string(box), id, t.now.UnixNano(), t.now.Add(-t.e.o.DedupeWindow).UnixNano())
	if err != nil {
		return false, fmt.Errorf("remember id: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("remember id: %w", err)
	}
	return n > 0, nil
}

// fits tells whether Publish may still store an item, and counts it in. The
// estimate is generous: the item, its id in three trees, and the pages' slack.
func (t *tx) fits(in queue.Item) (bool, error) {
	if t.e.j.softPages == 0 {
		return true, nil
	}
	if !t.measured {
		var used int64
		if err := t.st.pages.QueryRowContext(t.ctx).Scan(&used); err != nil {
			return false, fmt.Errorf("measure journal: %w", err)
		}
		t.room, t.measured = (t.e.j.softPages-used)*pageSize, true
	}
	need := int64(len(in.Body)+4*len(in.ID)) + 256
	if need > t.room {
		return false, nil
	}
	t.room -= need
	return true, nil
}
