package usage

import (
	"time"

	"github.com/parley-hub/parley/core"
)

// Outcome says what became of an attempt.
type Outcome string

// The outcomes.
const (
	// Served: its answer is the one that was used.
	Served Outcome = "served"
	// Cache: the answer was there already, and no worker was asked.
	Cache Outcome = "cache"
	// RetryWaste: it failed, and another was made in its place.
	RetryWaste Outcome = "retry-waste"
	// HedgeWaste: another one that ran beside it was faster.
	HedgeWaste Outcome = "hedge-waste"
	// ShadowWaste: a copy of a request, to see how a version does.
	ShadowWaste Outcome = "shadow-waste"
	// Cancelled: nobody wanted the answer any more.
	Cancelled Outcome = "cancelled"
)

// The accounts of what nobody is charged for. No bot and no API key is called so: their
// names have no slash.
const (
	RetryAccount     = "waste/retry"
	HedgeAccount     = "waste/hedge"
	ShadowAccount    = "waste/shadow"
	CancelledAccount = "waste/cancelled"
)

// wasteAccounts bear the outcomes that were of no use to anybody.
var wasteAccounts = map[Outcome]string{RetryWaste: RetryAccount, HedgeWaste: HedgeAccount, ShadowWaste: ShadowAccount, Cancelled: CancelledAccount}

// Entry is one line of the ledger: one attempt of a request.
type Entry struct {
	// Request tells requests apart; Attempt counts those of one from 1. An entry of the
	// same request, attempt and outcome is the same entry.
	Request string
	Attempt int
	Outcome Outcome
	// Trace is the message that asked. A turn may ask several times.
	Trace core.TraceID
	At    time.Time
	// Account, Person, Role and Skill are whom it is charged to.
	Account, Person, Role, Skill string
	// Pool, Version, Model and Worker are who answered.
	Pool, Version, Model, Worker string
	// Prompt, Cached and Completion are tokens; Cached are those of Prompt that the worker
	// had read before.
	Prompt, Cached, Completion int64
	// Estimated is true where the worker did not say how many they are.
	Estimated bool
	// Micros is what the tokens are worth, in millionths of Currency: it was spent, or
	// saved where the outcome is Cache. Price is the version of the table that says so;
	// both are empty for a model without a price.
	Micros          int64
	Price, Currency string
}
