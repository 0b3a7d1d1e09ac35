package admission

import (
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// ErrSetAside is wrapped by the RateLimited fault of a request for which a budget has
// room, but not before others that are under way are settled.
var ErrSetAside = errors.New("the rest of the budget is set aside")

// settleSoon is how long that may take: answers do, about.
const settleSoon = 10 * time.Second

// Exceeded is wrapped by the RateLimited fault of a request for which a budget has no
// room. It names no person.
type Exceeded struct {
	// Budget and Span say which one it is.
	Budget models.Budget
	Span   Span
	// Cost is true when it is the money that is short, and not the tokens.
	Cost bool
	// Left is what the budget still has: too little for this request, or nothing.
	Left Sum
	// Resets is when it is whole again, in the time zone of the budgets.
	Resets time.Time
}

// Error is for the log.
func (e *Exceeded) Error() string {
	unit := "tokens"
	if e.Cost {
		unit = "cost"
	}
	return fmt.Sprintf("the %s's %s of the %s do not suffice until %s", e.Budget.Scope, unit, e.Span, e.Resets.Format(time.RFC3339))
}

// public says it to a person who reads English.
func (e *Exceeded) public() string {
	whose := map[models.Scope]string{models.ScopePerson: "your", models.ScopeRole: "your group's", models.ScopeAccount: "this bot's"}[e.Budget.Scope]
	span := map[Span]string{Day: "today", Month: "this month"}[e.Span]
	again := e.Resets.Format("2 January 2006 at 15:04 (MST)")
	if e.Left.Tokens > 0 && !e.Cost || e.Left.Cost > 0 && e.Cost {
		return fmt.Sprintf("What is left of %s budget for %s is too little for this. It begins anew on %s.", whose, span, again)
	}
	return fmt.Sprintf("There is nothing left of %s budget for %s. It begins anew on %s.", whose, span, again)
}

func (e *Exceeded) fault(now time.Time) error {
	return fault.New(fault.RateLimited, "reserve budget", e, fault.WithWait(e.Resets.Sub(now)), fault.WithPublic(e.public()))
}

func setAside() error {
	return fault.New(fault.RateLimited, "reserve budget", ErrSetAside, fault.WithWait(settleSoon),
		fault.WithPublic("The rest of your budget is set aside for what is being answered. Please try again in a moment."))
}
