package sqliteq

import (
	"fmt"

	"github.com/parley-hub/parley/queue"
)

// commitOp is what a holder did: one transaction over its items, its memory and
// what goes out. The lease is finishing, so nobody else changes the mailbox.
type commitOp struct {
	e    *Engine
	l    *lease
	c    queue.Commit
	outs []storing
	done chan error
}

// newCommit pins the mailboxes that the commit publishes into.
func (e *Engine) newCommit(l *lease, c queue.Commit) *commitOp {
	op := &commitOp{e: e, l: l, c: c, done: make(chan error, 1)}
	if len(c.Out) == 0 {
		return op
	}
	op.outs = make([]storing, len(c.Out))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, out := range c.Out {
		op.outs[i] = storing{mb: e.pin(out.Key), in: out.Item}
	}
	return op
}

// letGo gives back what newCommit pinned.
func (op *commitOp) letGo() {
	op.e.mu.Lock()
	defer op.e.mu.Unlock()
	for i := range op.outs {
		op.e.unpin(op.outs[i].mb)
	}
}

func (op *commitOp) write(t *tx) error {
	for _, it := range op.l.items[:op.c.Done] {
		if op.c.Bury != "" {
			if err := t.bury(op.l.mb.key, it, op.c.Bury); err != nil {
				return err
			}
		}
		if _, err := t.st.itemDrop.ExecContext(t.ctx, it.seq); err != nil {
			return fmt.Errorf("drop item: %w", err)
		}
	}
	if err := op.remember(t); err != nil {
		return err
	}
	for i := range op.outs {
		if err := op.outs[i].store(t); err != nil {
			return err
		}
	}
	return nil
}

// remember writes the change of the memory: rows that changed, no others.
func (op *commitOp) remember(t *tx) error {
	id, mem := op.l.mb.id, op.l.mb.mem
	for name, value := range op.c.Set {
		var err error
		if value == nil {
			_, err = t.st.fieldDrop.ExecContext(t.ctx, id, name)
		} else {
			_, err = t.st.fieldPut.ExecContext(t.ctx, id, name, value)
		}
		if err != nil {
			return fmt.Errorf("set field: %w", err)
		}
	}
	if trim := min(op.c.Trim, len(mem.view.Log)); trim > 0 {
		if _, err := t.st.logTrim.ExecContext(t.ctx, id, mem.first+int64(trim)); err != nil {
			return fmt.Errorf("trim log: %w", err)
		}
	}
	for i, body := range op.c.Append {
		if _, err := t.st.logPut.ExecContext(t.ctx, id, mem.next()+int64(i), filled(body)); err != nil {
			return fmt.Errorf("append to log: %w", err)
		}
	}
	return nil
}

func (t *tx) bury(k queue.Key, it *item, reason string) error {
	_, err := t.st.deadPut.ExecContext(t.ctx, string(k.Box), k.Scope, string(k.Account), k.Owner, k.Thread,
		it.in.ID, filled(it.in.Body), int64(it.in.Settle), reason, it.tries, t.now.UnixNano())
	if err != nil {
		return fmt.Errorf("bury item: %w", err)
	}
	return nil
}

func (op *commitOp) apply(e *Engine) {
	mb := op.l.mb
	if op.c.Bury != "" {
		mb.box.dead += op.c.Done
	}
	e.drop(mb, op.c.Done)
	if len(mb.items) > 0 && op.c.Done == 0 {
		// What was committed is progress, so the count of the tries begins anew.
		mb.items[0].tries = 0
	}
	mb.mem.change(op.c)
	for i := range op.outs {
		op.outs[i].admit(e)
	}
	e.release(mb)
}

func (op *commitOp) answer(err error) { op.done <- err }
