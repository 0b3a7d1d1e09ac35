package records

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

const (
	spentOf = `SELECT tokens, micros FROM spent WHERE scope = ? AND name = ? AND period = ? AND starts = ?`
	spend   = `INSERT INTO spent (scope, name, period, starts, tokens, micros) VALUES ` + moreRows + `
		ON CONFLICT (scope, name, period, starts) DO UPDATE SET tokens = spent.tokens + excluded.tokens, micros = spent.micros + excluded.micros
		RETURNING scope, name, period, starts, tokens, micros`
	dropSpent = `DELETE FROM spent WHERE period = ? AND starts < ?`
)

// spentKept is how long what was spent is kept behind the beginning of its span: that of the
// next one too, since what began in one may be settled in the other.
var spentKept = map[string]time.Duration{SpanDay: 2 * 25 * time.Hour, SpanMonth: 2 * 31 * 24 * time.Hour}

var errNoSpan = errors.New("nothing is spent in such a span")

// Spent implements Usage.
func (s *SQL) Spent(ctx context.Context, p Purse) (Spending, error) {
	out := Spending{Purse: p}
	err := s.reading().QueryRowContext(ctx, spentOf, p.Scope, p.Name, p.Span, p.Starts.UnixMilli()).Scan(&out.Tokens, &out.Micros)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return out, s.fail("read budget", err)
}

// spentRow is the key of a row.
type spentRow struct {
	scope, name, span string
	starts            int64
}

// Spend implements Usage.
func (s *SQL) Spend(ctx context.Context, what []Spending) (out []Spending, err error) {
	const op = "spend budget"
	for _, w := range what {
		if _, known := spentKept[w.Span]; !known {
			return nil, fault.New(fault.Permanent, op, errNoSpan)
		}
	}
	if len(what) == 0 {
		return nil, nil
	}
	err = s.change(ctx, op, func(tx runner) error {
		out = make([]Spending, len(what))
		for from := 0; from < len(what); from += rowsAtOnce {
			to := min(from+rowsAtOnce, len(what))
			if err := spendRows(ctx, tx, what[from:to], out[from:to]); err != nil {
				return err
			}
		}
		for span, latest := range latestSpans(what) {
			if _, err := tx.ExecContext(ctx, dropSpent, span, latest.Add(-spentKept[span]).UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// spendRows adds to purses, and tells the sums in out.
func spendRows(ctx context.Context, tx runner, what, out []Spending) error {
	at := make(map[spentRow]int, len(what))
	var args []any
	for i, w := range what {
		starts := w.Starts.UnixMilli()
		at[spentRow{tx.stored(w.Scope), tx.stored(w.Name), w.Span, starts}] = i
		args = append(args, w.Scope, w.Name, w.Span, starts, w.Tokens, w.Micros)
		out[i].Purse = w.Purse
	}
	return each(ctx, tx, forRows(spend, len(what), 6), args, func(rows *sql.Rows) error {
		var key spentRow
		var sum Spending
		if err := rows.Scan(&key.scope, &key.name, &key.span, &key.starts, &sum.Tokens, &sum.Micros); err != nil {
			return err
		}
		i, known := at[key]
		if !known {
			return fault.New(fault.Bug, "spend budget", errors.New("the records gave another purse than was asked for"))
		}
		out[i].Tokens, out[i].Micros = sum.Tokens, sum.Micros
		return nil
	})
}

// latestSpans tells when the latest of each span begins.
func latestSpans(what []Spending) map[string]time.Time {
	out := map[string]time.Time{}
	for _, w := range what {
		if w.Starts.After(out[w.Span]) {
			out[w.Span] = w.Starts
		}
	}
	return out
}
