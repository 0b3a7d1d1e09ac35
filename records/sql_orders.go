package records

import (
	"context"
	"database/sql"
	"time"

	"github.com/parley-hub/parley/core"
)

// ordersKept is how long orders and reports are kept; hubs look for them every moment.
const ordersKept = 24 * time.Hour

const (
	lastOrder   = `SELECT coalesce(max(id), 0) FROM orders`
	addOrder    = `INSERT INTO orders (id, what, at) VALUES ((SELECT coalesce(max(id), 0) + 1 FROM orders), ?, ?) RETURNING id`
	ordersSince = `SELECT id, what, at FROM orders WHERE id > ? ORDER BY id`
	// The newest stays: the next one is numbered behind it.
	dropOrders  = `DELETE FROM orders WHERE at < ? AND id < (SELECT max(id) FROM orders)`
	dropReports = `DELETE FROM reports WHERE at < ?`
	setSwitch   = `INSERT INTO switches (pool, weights, configured, at, actor) VALUES (?, ?, ?, ?, ?) ON CONFLICT (pool)
		DO UPDATE SET weights = excluded.weights, configured = excluded.configured, at = excluded.at, actor = excluded.actor`
	dropSwitch  = `DELETE FROM switches WHERE pool = ?`
	endSwitch   = `DELETE FROM switches WHERE pool = ? AND configured = ? AND at = ?`
	allSwitches = `SELECT pool, weights, configured, at, actor FROM switches ORDER BY pool`
	setReport   = `INSERT INTO reports (node, seen, at, body) VALUES (?, ?, ?, ?) ON CONFLICT (node)
		DO UPDATE SET seen = excluded.seen, at = excluded.at, body = excluded.body`
	reportsOf = `SELECT node, seen, at, body FROM reports WHERE seen >= ? ORDER BY node`
)

var _ Orders = (*SQL)(nil)

// ModelSubject is whom the audit names for a pool of models; empty for all of them.
func ModelSubject(pool string) core.PersonID { return core.PersonID("models/" + pool) }

// Order implements Orders.
func (s *SQL) Order(ctx context.Context, why Cause, what What, switches ...Switch) (id int64, err error) {
	err = s.change(ctx, "give order", func(tx runner) error {
		at := why.At.UnixMilli()
		for _, sw := range switches {
			var err error
			if sw.Weights == "" {
				_, err = tx.ExecContext(ctx, dropSwitch, sw.Pool)
			} else {
				_, err = tx.ExecContext(ctx, setSwitch, sw.Pool, sw.Weights, sw.Configured, at, why.Actor)
			}
			if err != nil {
				return err
			}
			if err := audit(ctx, tx, why, AuditUse, ModelSubject(sw.Pool)); err != nil {
				return err
			}
		}
		if what == OrderReload {
			if err := audit(ctx, tx, why, AuditReload, ModelSubject("")); err != nil {
				return err
			}
		}
		if err := tx.QueryRowContext(ctx, addOrder, string(what), at).Scan(&id); err != nil {
			return err
		}
		for _, drop := range []string{dropOrders, dropReports} {
			if _, err := tx.ExecContext(ctx, drop, why.At.Add(-ordersKept).UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// LastOrder implements Orders.
func (s *SQL) LastOrder(ctx context.Context) (id int64, err error) {
	err = s.reading().QueryRowContext(ctx, lastOrder).Scan(&id)
	return id, s.fail("look for orders", err)
}

// OrdersSince implements Orders.
func (s *SQL) OrdersSince(ctx context.Context, id int64) (out []Order, err error) {
	err = each(ctx, s.reading(), ordersSince, []any{id}, func(rows *sql.Rows) error {
		var o Order
		var at int64
		if err := rows.Scan(&o.ID, &o.What, &at); err != nil {
			return err
		}
		o.At = time.UnixMilli(at).UTC()
		out = append(out, o)
		return nil
	})
	return out, s.fail("look for orders", err)
}

// Switches implements Orders.
func (s *SQL) Switches(ctx context.Context) (out []Switch, err error) {
	err = each(ctx, s.reading(), allSwitches, nil, func(rows *sql.Rows) error {
		var sw Switch
		var at int64
		if err := rows.Scan(&sw.Pool, &sw.Weights, &sw.Configured, &at, &sw.Actor); err != nil {
			return err
		}
		sw.At = time.UnixMilli(at).UTC()
		out = append(out, sw)
		return nil
	})
	return out, s.fail("read switches", err)
}

// EndSwitch implements Orders.
func (s *SQL) EndSwitch(ctx context.Context, sw Switch) error {
	return s.change(ctx, "end switch", func(tx runner) error {
		_, err := tx.ExecContext(ctx, endSwitch, sw.Pool, sw.Configured, sw.At.UnixMilli())
		return err
	})
}

// Report implements Orders.
func (s *SQL) Report(ctx context.Context, r Report) error {
	return s.change(ctx, "report", func(tx runner) error {
		_, err := tx.ExecContext(ctx, setReport, r.Node, r.Seen, r.At.UnixMilli(), r.Body)
		return err
	})
}

// Reports implements Orders.
func (s *SQL) Reports(ctx context.Context, order int64) (out []Report, err error) {
	err = each(ctx, s.reading(), reportsOf, []any{order}, func(rows *sql.Rows) error {
		var r Report
		var at int64
		if err := rows.Scan(&r.Node, &r.Seen, &at, &r.Body); err != nil {
			return err
		}
		r.At = time.UnixMilli(at).UTC()
		out = append(out, r)
		return nil
	})
	return out, s.fail("read reports", err)
}
