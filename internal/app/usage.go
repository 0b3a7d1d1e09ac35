package app

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/models/pool"
	"github.com/parley-hub/parley/models/usage"
	"github.com/parley-hub/parley/records"
)

// usages prices what model workers do, keeps it in the records, and bounds what is spent.
type usages struct {
	prices  atomic.Pointer[usage.Table]
	ledger  *usage.Recorder
	budgets *admission.Budgets
	// crowd counts each person's requests, atOnce is how many there may be, by role.
	crowd  *admission.Crowd
	atOnce atomic.Pointer[models.AtOnce]
	// kept is how long lines stay in the ledger, drop takes out those that are older.
	kept atomic.Int64
	drop func(context.Context) error
}

// newUsages makes the ledger and the budgets of a valid configuration. Nothing is written
// before run, which takes a grace at most to end.
func newUsages(cfg models.Config, r records.Usage, grace time.Duration, log zerolog.Logger) *usages {
	u := &usages{
		ledger:  usage.NewRecorder(usage.RecorderOptions{Store: usageLines{r}, Grace: grace, Log: log}),
		budgets: admission.NewBudgets(admission.BudgetsOptions{Budgets: budgetsOf(cfg), Zone: cfg.Location(), Store: purses{r}, Log: log}),
		crowd:   admission.NewCrowd(),
	}
	u.drop = func(ctx context.Context) error {
		return dropOld(ctx, r, func() time.Duration { return time.Duration(u.kept.Load()) }, log)
	}
	u.hold(cfg)
	return u
}

// hold has prices and bounds hold from now on.
func (u *usages) hold(cfg models.Config) {
	u.prices.Store(usage.NewTable(cfg.Prices))
	u.atOnce.Store(&cfg.AtOnce)
	u.kept.Store(int64(cfg.KeepUsage))
}

// reload has other prices, bounds and budgets hold from now on.
func (u *usages) reload(cfg models.Config) {
	u.hold(cfg)
	u.budgets.Reload(budgetsOf(cfg), cfg.Location())
}

// shadowOf is the account that the copies of a pool's requests are bounded by. No channel and
// no key is called so.
func shadowOf(pool string) string { return usage.ShadowAccount + "/" + pool }

// budgetsOf are the budgets of a configuration, and those of copies.
func budgetsOf(cfg models.Config) []models.Budget {
	all := slices.Clone(cfg.Budgets)
	for name, p := range cfg.Pools {
		if p.Shadow.Tokens > 0 {
			all = append(all, models.Budget{Scope: models.ScopeAccount, Name: shadowOf(name), Day: models.Limit{Tokens: p.Shadow.Tokens}})
		}
	}
	return all
}

// run writes what was used and spent until ctx ends, and then what is left.
func (u *usages) run(ctx context.Context) error {
	group := newGroup(ctx)
	group.run(u.ledger.Run)
	group.run(u.budgets.Run)
	group.run(u.drop)
	return group.wait()
}

// state tells telemetry how the ledger is.
func (u *usages) state() telemetry.UsageState {
	s := u.ledger.Stats()
	return telemetry.UsageState{Waiting: int64(s.Waiting), Written: s.Written, Dropped: s.Dropped}
}

// cached is an attempt that no worker made: the answer was there already.
const cached = pool.Outcome(usage.Cache)

// account has an attempt of a pool written into the ledger, unless what it served is
// written for each of several payers above (front.Embed).
func (u *usages) account(a pool.Attempt) {
	if a.For.Account != sharedAccount || a.Outcome != pool.Served {
		u.note(a)
	}
}

// note has an attempt written into the ledger. It does not block. A turn may ask several
// times, so the trace does not tell requests apart: each attempt gets a name of its own,
// under which it is written once.
func (u *usages) note(a pool.Attempt) {
	u.ledger.Record(u.prices.Load().Price(usage.Entry{
		Request: string(core.NewTraceID()), Attempt: a.Number, Outcome: usage.Outcome(a.Outcome), Trace: a.Trace, At: time.Now(),
		Account: a.For.Account, Person: a.For.Person, Role: a.For.Role, Skill: a.For.Skill,
		Pool: a.Pool, Version: a.Version, Model: a.Model, Worker: a.Worker,
		Prompt: int64(a.Usage.Prompt), Cached: int64(a.Usage.Cached), Completion: int64(a.Usage.Completion), Estimated: a.Estimated,
	}))
}

// usageLines is the records as the ledger writes them.
type usageLines struct{ records records.Usage }

// WriteUsage implements usage.Store.
func (l usageLines) WriteUsage(ctx context.Context, entries []usage.Entry) error {
	lines := make([]records.Used, len(entries))
	for i, e := range entries {
		lines[i] = records.Used{
			Request: e.Request, Attempt: e.Attempt, Outcome: string(e.Outcome), Trace: e.Trace, At: e.At,
			Account: e.Account, Person: core.PersonID(e.Person), Role: e.Role, Skill: e.Skill,
			Pool: e.Pool, Version: e.Version, Model: e.Model, Worker: e.Worker,
			Prompt: e.Prompt, Cached: e.Cached, Completion: e.Completion, Estimated: e.Estimated,
			Micros: e.Micros, Price: e.Price, Currency: e.Currency,
		}
	}
	return l.records.WriteUsage(ctx, lines)
}

// purses is the records as budgets see them.
type purses struct{ records records.Usage }

// Spent implements admission.Store.
func (p purses) Spent(ctx context.Context, of admission.Purse) (admission.Sum, error) {
	s, err := p.records.Spent(ctx, purseOf(of))
	return sumOf(s), err
}

// Add implements admission.Store.
func (p purses) Add(ctx context.Context, what []admission.Spent) ([]admission.Sum, error) {
	spent := make([]records.Spending, len(what))
	for i, w := range what {
		spent[i] = records.Spending{Purse: purseOf(w.Purse), Tokens: w.Tokens, Micros: int64(w.Cost)}
	}
	now, err := p.records.Spend(ctx, spent)
	sums := make([]admission.Sum, len(now))
	for i, s := range now {
		sums[i] = sumOf(s)
	}
	return sums, err
}

func purseOf(p admission.Purse) records.Purse {
	return records.Purse{Scope: string(p.Scope), Name: p.Name, Span: string(p.Span), Starts: p.Starts}
}

func sumOf(s records.Spending) admission.Sum {
	return admission.Sum{Tokens: s.Tokens, Cost: models.Amount(s.Micros)}
}
