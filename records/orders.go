package records

import (
	"context"
	"time"
)

// Orders are how operators reach the hubs that run on these records: what they tell them is
// kept here, each hub looks for it, does it and reports. All methods are safe for
// concurrent use, and their errors are faults. recordstest.RunOrders proves an
// implementation.
type Orders interface {
	// Order tells all hubs to do something, and keeps the switches for those that start
	// later, all in one step with its line in the audit. Old orders and reports are dropped.
	Order(ctx context.Context, why Cause, what What, switches ...Switch) (id int64, err error)
	// LastOrder is the newest one; 0 for none.
	LastOrder(ctx context.Context) (int64, error)
	// OrdersSince gives the orders behind one, oldest first.
	OrdersSince(ctx context.Context, id int64) ([]Order, error)
	// Switches are all that hold, in the order of their pools.
	Switches(ctx context.Context) ([]Switch, error)
	// EndSwitch drops a switch that does not hold any more, unless another one is there by now.
	EndSwitch(ctx context.Context, sw Switch) error
	// Report keeps what a hub answers, in place of what it answered before.
	Report(ctx context.Context, r Report) error
	// Reports are the answers of hubs that have seen the order, in the order of their nodes.
	Reports(ctx context.Context, order int64) ([]Report, error)
}

// What is what is ordered.
type What string

// The orders.
const (
	// OrderLook asks for a report alone.
	OrderLook What = "look"
	// OrderReload has hubs read their configuration anew.
	OrderReload What = "reload"
	// OrderUse has them take the switches as they are now.
	OrderUse What = "use"
)

// The actions of the audit that orders are; the subject is ModelSubject of the pool.
const (
	AuditReload Action = "models_reload"
	AuditUse    Action = "models_use"
)

// Order is something that an operator told the hubs.
type Order struct {
	ID   int64
	What What
	At   time.Time
}

// Switch are the weights of a pool's versions in place of the configured ones.
type Switch struct {
	Pool string
	// Weights are spelled as "blue=0 green=1"; empty to go back to the configured ones.
	Weights string
	// Configured is a digest of what the configuration said: as soon as it says something
	// else, that holds.
	Configured string
	At         time.Time
	Actor      string
}

// Report is a hub's answer to an order.
type Report struct {
	// Node is the hub; empty for one that is alone.
	Node string
	Seen int64
	At   time.Time
	Body string
}
