package sqliteq

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/parley-hub/parley/queue"
)

const (
	// sweepEvery is how often old ids and empty mailboxes are purged.
	sweepEvery = time.Minute
	// sweepRows is how many a sweep looks at, so that nobody waits long behind it.
	// A sweep that found its fill of ids is followed by another at once.
	sweepRows = 2000
)

// sweepOp purges ids past the window, and mailboxes that remember nothing and are
// not in process. It walks through the mailboxes by row, some in each sweep.
type sweepOp struct {
	e     *Engine
	after int64
	// next is where the walk goes on, full whether more ids are past the window.
	next int64
	full bool
}

func (s *sweepOp) write(t *tx) error {
	s.full = false
	res, err := t.st.seenPurge.ExecContext(t.ctx, t.now.Add(-s.e.o.DedupeWindow).UnixNano(), sweepRows)
	if err != nil {
		return fmt.Errorf("purge ids: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("purge ids: %w", err)
	}
	s.full = n == sweepRows
	return s.purgeMailboxes(t)
}

// purgeMailboxes drops rows nobody needs. A mailbox in process is left alone,
// whatever it holds: operations of this very batch may know its row.
func (s *sweepOp) purgeMailboxes(t *tx) error {
	var last sql.NullInt64
	if err := t.st.mailboxLast.QueryRowContext(t.ctx, s.after, sweepRows).Scan(&last); err != nil {
		return fmt.Errorf("walk mailboxes: %w", err)
	}
	s.next = last.Int64
	var gone []int64
	rows, err := t.st.mailboxIdle.QueryContext(t.ctx, s.after, s.next)
	err = eachRow(rows, err, func(rows *sql.Rows) error {
		var id int64
		var key queue.Key
		if err := rows.Scan(append([]any{&id}, scanKey(&key)...)...); err != nil {
			return err
		}
		s.e.mu.Lock()
		defer s.e.mu.Unlock()
		if s.e.mailboxes[key] == nil {
			gone = append(gone, id)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find empty mailboxes: %w", err)
	}
	for _, id := range gone {
		if _, err := t.st.mailboxDrop.ExecContext(t.ctx, id); err != nil {
			return fmt.Errorf("drop mailbox: %w", err)
		}
	}
	return nil
}

func (s *sweepOp) apply(*Engine) { s.after = s.next }

func (s *sweepOp) answer(err error) {
	if err != nil {
		s.e.log.Warn().Err(err).Msg("purge failed")
	}
}
