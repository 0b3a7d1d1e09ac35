package sqliteq

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// letters are the dead letters of an engine.
type letters struct{ e *Engine }

var _ queue.DeadLetters = letters{}

// DeadLetters gives access to what was buried.
func (e *Engine) DeadLetters() queue.DeadLetters { return letters{e} }

// List reads the letters of a box by id.
func (l letters) List(ctx context.Context, box queue.Box, after int64, limit int) ([]queue.DeadLetter, error) {
	var found []queue.DeadLetter
	err := each(ctx, l.e.j.read, func(rows *sql.Rows) error {
		var d queue.DeadLetter
		var settle, at int64
		if err := rows.Scan(append(scanKey(&d.Key), &d.ID, &d.Item.ID, &d.Item.Body, &settle, &d.Reason, &d.Attempts, &at)...); err != nil {
			return err
		}
		d.Item.Settle, d.BuriedAt = time.Duration(settle), time.Unix(0, at)
		found = append(found, d)
		return nil
	}, `SELECT box, scope, account, owner, thread, id, item, body, settle, reason, attempts, at
		FROM dead WHERE box = ? AND id > ? ORDER BY id LIMIT ?`, string(box), after, max(limit, 0))
	select {
	case <-l.e.closing:
		return nil, closed("list dead letters")
	default:
	}
	if err != nil {
		return nil, classify("list dead letters", err)
	}
	return found, nil
}

// letterOp takes a letter away; a replay stores its item again.
type letterOp struct {
	e      *Engine
	id     int64
	replay bool
	box    queue.Box
	gone   bool
	storing
	done chan error
}

// Replay puts the letter at the end of its mailbox. Bounds do not apply.
func (l letters) Replay(ctx context.Context, id int64) error {
	return l.take(ctx, "replay dead letter", &letterOp{e: l.e, id: id, replay: true, done: make(chan error, 1)})
}

// Drop removes the letter for good.
func (l letters) Drop(ctx context.Context, id int64) error {
	return l.take(ctx, "drop dead letter", &letterOp{e: l.e, id: id, done: make(chan error, 1)})
}

func (l letters) take(ctx context.Context, what string, op *letterOp) error {
	if err := l.e.submit(ctx, what, op); err != nil {
		return err
	}
	if err := l.e.await(ctx, what, op.done); err != nil {
		return err
	}
	if op.gone {
		return fault.New(fault.Permanent, what, fmt.Errorf("%w: %d", queue.ErrNoLetter, op.id))
	}
	return nil
}

func (op *letterOp) write(t *tx) error {
	op.gone, op.it = false, nil
	if op.replay {
		if err := op.restore(t); err != nil || op.gone {
			return err
		}
	}
	err := t.st.deadDrop.QueryRowContext(t.ctx, op.id).Scan(&op.box)
	if errors.Is(err, sql.ErrNoRows) {
		op.gone = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}

// restore stores the letter's item at the end of its mailbox.
func (op *letterOp) restore(t *tx) error {
	var key queue.Key
	var settle int64
	err := t.st.deadGet.QueryRowContext(t.ctx, op.id).Scan(append(scanKey(&key), &op.in.ID, &op.in.Body, &settle)...)
	if errors.Is(err, sql.ErrNoRows) {
		op.gone = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read dead letter: %w", err)
	}
	op.in.Settle = time.Duration(settle)
	if op.mb == nil {
		op.e.mu.Lock()
		op.mb = op.e.pin(key)
		op.e.mu.Unlock()
	}
	return op.store(t)
}

func (op *letterOp) apply(e *Engine) {
	if op.gone {
		return
	}
	e.boxOf(op.box).dead--
	op.admit(e)
}

func (op *letterOp) answer(err error) {
	if op.mb != nil {
		op.e.mu.Lock()
		op.e.unpin(op.mb)
		op.e.mu.Unlock()
	}
	op.done <- err
}
