package records

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core"
)

// Usage keeps what model workers did, and what was spent of budgets. All methods are safe
// for concurrent use, and their errors are faults. recordstest.RunUsage proves an
// implementation.
type Usage interface {
	// WriteUsage stores the lines in one transaction: all or none. A line of a request,
	// attempt and outcome that is there already is passed over. One of before its person
	// was forgotten loses the person. A line that cannot be stored at all (Used.Check) is a
	// Permanent fault.
	WriteUsage(ctx context.Context, lines []Used) error
	// Usage sums up the lines of a time, in the order of what they are grouped by. Sums of
	// two currencies are two.
	Usage(ctx context.Context, f UsageFilter) ([]UsageSum, error)
	// UsageOf hands the lines of one person to fn, in the order of time, one after the
	// other as they are read. An error of fn ends it and is returned as it is.
	UsageOf(ctx context.Context, person core.PersonID, fn func(Used) error) error
	// DropUsage takes lines of before a time out of the ledger, at most so many, and gives
	// how many it were. What was spent is not changed by it.
	DropUsage(ctx context.Context, before time.Time, most int) (int, error)
	// Spent is what was spent from a purse; zero for one never heard of.
	Spent(ctx context.Context, p Purse) (Spending, error)
	// Spend adds to purses, all or none, and gives what is spent from each now, in that
	// order. No purse comes twice. What is older than a span and the one before it is
	// dropped.
	Spend(ctx context.Context, what []Spending) ([]Spending, error)
}

// The spans that a purse can be for.
const (
	SpanDay   = "day"
	SpanMonth = "month"
)

// Purse is what somebody may spend in one day or month.
type Purse struct {
	// Scope says what Name is the name of.
	Scope, Name string
	Span        string
	// Starts is its first moment, kept in UTC, to the millisecond.
	Starts time.Time
}

// Spending is an amount from a purse.
type Spending struct {
	Purse
	Tokens, Micros int64
}

// The outcomes of which the sums know what they mean. All others are waste.
const (
	UsageServed = "served"
	UsageCache  = "cache"
)

// Used is one line of the ledger of usage: one attempt of a request to a model worker.
type Used struct {
	// Request, Attempt and Outcome are what tells lines apart.
	Request string
	Attempt int
	Outcome string
	// Trace is the message that asked.
	Trace core.TraceID
	// At is kept in UTC, to the millisecond.
	At time.Time
	// Account, Person, Role and Skill are who bears it.
	Account string
	Person  core.PersonID
	Role    string
	Skill   string
	// Pool, Version, Model and Worker are who answered.
	Pool, Version, Model, Worker string
	// Prompt, Cached (of Prompt) and Completion are tokens.
	Prompt, Cached, Completion int64
	// Estimated is true where no worker counted them.
	Estimated bool
	// Micros is what they are worth, in millionths of Currency, at the prices of the
	// version Price; all three are zero for what has no price.
	Micros          int64
	Price, Currency string
}

// MaxUsed is the most of anything in one line, so that sums stay numbers.
const MaxUsed = 1_000_000_000_000_000

// Check tells why a line cannot be stored, nil when it can.
func (u Used) Check() error {
	switch {
	case u.Request == "":
		return errors.New("usage is of no request")
	case u.Outcome == "":
		return errors.New("usage has no outcome")
	case min(u.Prompt, u.Cached, u.Completion, u.Micros) < 0, max(u.Prompt, u.Cached, u.Completion, u.Micros) > MaxUsed:
		return errors.New("usage is below 0, or so much that it cannot be")
	default:
		return nil
	}
}

// UsageKey is something that usage is summed up by.
type UsageKey string

// The keys. Days are those of UTC.
const (
	ByPerson  UsageKey = "person"
	ByAccount UsageKey = "account"
	ByRole    UsageKey = "role"
	ByModel   UsageKey = "model"
	BySkill   UsageKey = "skill"
	ByDay     UsageKey = "day"
)

// UsageKeys are all keys.
func UsageKeys() []UsageKey {
	return []UsageKey{ByPerson, ByAccount, ByRole, ByModel, BySkill, ByDay}
}

var errNoUsageKey = errors.New("usage is not summed up by that")

// UsageFilter says which lines are summed up, and how.
type UsageFilter struct {
	// Since and Until bound the time, Until not included; zero for no bound.
	Since, Until time.Time
	// By is what sums are of; none for one of all.
	By []UsageKey
}

// UsageSum is what lines come to.
type UsageSum struct {
	// Keys are the values of UsageFilter.By, in its order; a day is spelled 2026-11-01.
	Keys []string
	// Currency is that of all Micros; empty for lines without a price.
	Currency string
	// Served is charged.
	Served Amounts
	// Cached would have been, had the answers not been there already.
	Cached Amounts
	// Wasted is what retries, hedges and readers who left came to.
	Wasted Amounts
	// Estimated and Unpriced are how many of Served no worker counted, and have no price.
	Estimated, Unpriced int64
}

// Amounts are what lines of one sort come to.
type Amounts struct {
	// Lines is how many there are.
	Lines int64
	// Prompt, CachedPrompt (of Prompt) and Completion are tokens.
	Prompt, CachedPrompt, Completion int64
	Micros                           int64
}
