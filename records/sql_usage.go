package records

import (
	"context"
	"crypto/rand"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	usageColumns = `request, attempt, outcome, trace, at, account, person, role, skill, pool, version, model, worker,
		prompt, cached, completion, estimated, micros, price, currency`
	insertUsage = `INSERT INTO usage (` + usageColumns + `) VALUES ` + moreRows + ` ON CONFLICT (request, attempt, outcome) DO NOTHING`
	usageOf     = `SELECT ` + usageColumns + ` FROM usage WHERE person IN (?` + moreValues + `) ORDER BY at, request, attempt, outcome`
	// An amount of one sort of lines; the names are of this file.
	servedLines = `outcome = '` + UsageServed + `'`
	cachedLines = `outcome = '` + UsageCache + `'`
	wastedLines = `outcome NOT IN ('` + UsageServed + `', '` + UsageCache + `')`
	usageFrom   = ` FROM usage WHERE at >= ? AND at < ? GROUP BY `

	oldUsage = `DELETE FROM usage WHERE at < ? AND request IN (SELECT request FROM usage WHERE at < ? ORDER BY at LIMIT ?)`

	forgottenUntil = `SELECT person, until FROM usage_forgotten WHERE person IN (?` + moreValues + `)`
	forgetUsage    = `UPDATE usage SET person = ? WHERE person = ?`
	rememberUsage  = `INSERT INTO usage_forgotten (person, until) VALUES (?, ?)
		ON CONFLICT (person) DO UPDATE SET until = excluded.until WHERE excluded.until > usage_forgotten.until`
)

var _ Usage = (*SQL)(nil)

// DropUsage implements Usage. The attempts of one request go together.
func (s *SQL) DropUsage(ctx context.Context, before time.Time, most int) (n int, err error) {
	const op = "drop usage"
	err = s.change(ctx, op, func(tx runner) error {
		done, err := tx.ExecContext(ctx, oldUsage, before.UnixMilli(), before.UnixMilli(), most)
		if err != nil {
			return err
		}
		rows, err := done.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}

// WriteUsage implements Usage.
func (s *SQL) WriteUsage(ctx context.Context, lines []Used) error {
	const op = "write usage"
	for _, u := range lines {
		if err := u.Check(); err != nil {
			return fault.New(fault.Permanent, op, err)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return s.change(ctx, op, func(tx runner) error {
		forgotten, err := forgottenOf(ctx, tx, lines)
		if err != nil {
			return err
		}
		rows := make([][]any, len(lines))
		for i, u := range lines {
			if until, some := forgotten[u.Person]; some && u.At.UnixMilli() <= until {
				u.Person = pseudonym()
			}
			rows[i] = []any{
				u.Request, u.Attempt, u.Outcome, string(u.Trace), u.At.UnixMilli(), u.Account, string(u.Person), u.Role, u.Skill,
				u.Pool, u.Version, u.Model, u.Worker, u.Prompt, u.Cached, u.Completion, u.Estimated, u.Micros, u.Price, u.Currency,
			}
		}
		return insert(ctx, tx, insertUsage, rows)
	})
}

// forgottenOf tells up to when people were forgotten, of those who were.
func forgottenOf(ctx context.Context, tx runner, lines []Used) (map[core.PersonID]int64, error) {
	people := make([]core.PersonID, len(lines))
	for i, u := range lines {
		people[i] = u.Person
	}
	return untils(ctx, tx, forgottenUntil, people)
}

// pseudonym is somebody in the ledger of usage of whom nobody knows who it was.
func pseudonym() core.PersonID {
	return core.PersonID("forgotten-" + strings.ToLower(rand.Text()[:12]))
}

// payers are those whom the usage of a person was charged to: the person, and accounts
// from before they were linked, unless others are the person derived from them.
func payers(ctx context.Context, from runner, person core.PersonID, list []core.PersonID) ([]core.PersonID, error) {
	out := []core.PersonID{person}
	for _, base := range list {
		var others int
		if err := from.QueryRowContext(ctx, isOthers, string(base), string(base)).Scan(&others); err != nil {
			return nil, err
		}
		if base != person && others == 0 {
			out = append(out, base)
		}
	}
	return out, nil
}

// forgetUsageOf takes a person out of the ledger of usage. Its sums stay, as those of one
// person still.
func forgetUsageOf(ctx context.Context, tx runner, person core.PersonID, list []core.PersonID) error {
	if len(list) == 0 {
		return nil // nobody is this person
	}
	all, err := payers(ctx, tx, person, list)
	if err != nil {
		return err
	}
	now := pseudonym()
	for _, payer := range all {
		if _, err := tx.ExecContext(ctx, forgetUsage, string(now), string(payer)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, rememberUsage, string(payer), time.Now().UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// UsageOf implements Usage.
func (s *SQL) UsageOf(ctx context.Context, person core.PersonID, fn func(Used) error) error {
	return s.view(ctx, "export usage", func(r runner) error {
		list, err := bases(ctx, r, person)
		if err != nil || len(list) == 0 {
			return err
		}
		all, err := payers(ctx, r, person, list)
		if err != nil {
			return err
		}
		return each(ctx, r, forList(usageOf, len(all)), anys(all), func(rows *sql.Rows) error {
			var u Used
			var at int64
			err := rows.Scan(&u.Request, &u.Attempt, &u.Outcome, &u.Trace, &at, &u.Account, &u.Person, &u.Role, &u.Skill,
				&u.Pool, &u.Version, &u.Model, &u.Worker, &u.Prompt, &u.Cached, &u.Completion, &u.Estimated, &u.Micros, &u.Price, &u.Currency)
			if err != nil {
				return err
			}
			u.At = time.UnixMilli(at).UTC()
			return hand(fn, u)
		})
	})
}

// dayMillis is a day, in what times are stored in.
const dayMillis = 24 * 60 * 60 * 1000

// usageKeys are the expressions of what is summed up by.
var usageKeys = map[UsageKey]string{
	ByPerson: "person", ByAccount: "account", ByRole: "role", ByModel: "model", BySkill: "skill",
	ByDay: "at / " + strconv.Itoa(dayMillis),
}

// usageQuery spells the sums. Sums of numbers are cast, since PostgreSQL makes numerics of
// them.
func usageQuery(by []UsageKey) string {
	keys := make([]string, 0, len(by)+1)
	for _, key := range by {
		keys = append(keys, usageKeys[key])
	}
	keys = append(keys, "currency")
	group := strings.Join(keys, ", ")
	out := slices.Clone(keys)
	for _, sort := range []string{servedLines, cachedLines, wastedLines} {
		for _, amount := range []string{"1", "prompt", "cached", "completion", "micros"} {
			out = append(out, "CAST(sum(CASE WHEN "+sort+" THEN "+amount+" ELSE 0 END) AS BIGINT)")
		}
	}
	for _, sort := range []string{"estimated", "price = ''"} {
		out = append(out, "CAST(sum(CASE WHEN "+servedLines+" AND "+sort+" THEN 1 ELSE 0 END) AS BIGINT)")
	}
	return "SELECT " + strings.Join(out, ", ") + usageFrom + group + " ORDER BY " + group
}

// Usage implements Usage.
func (s *SQL) Usage(ctx context.Context, f UsageFilter) ([]UsageSum, error) {
	const op = "sum up usage"
	for _, key := range f.By {
		if _, known := usageKeys[key]; !known {
			return nil, fault.New(fault.Permanent, op, errNoUsageKey)
		}
	}
	out, err := sumUsage(ctx, s.reading(), f)
	return out, s.fail(op, err)
}

func sumUsage(ctx context.Context, from runner, f UsageFilter) (out []UsageSum, err error) {
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		since = f.Since.UnixMilli()
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMilli()
	}
	err = each(ctx, from, usageQuery(f.By), []any{since, until}, func(rows *sql.Rows) error {
		sum := UsageSum{Keys: make([]string, len(f.By))}
		var into []any
		for i := range sum.Keys {
			into = append(into, &sum.Keys[i])
		}
		into = append(into, &sum.Currency)
		for _, a := range []*Amounts{&sum.Served, &sum.Cached, &sum.Wasted} {
			into = append(into, &a.Lines, &a.Prompt, &a.CachedPrompt, &a.Completion, &a.Micros)
		}
		if err := rows.Scan(append(into, &sum.Estimated, &sum.Unpriced)...); err != nil {
			return err
		}
		for i, key := range f.By {
			if key != ByDay {
				continue
			}
			day, err := strconv.ParseInt(sum.Keys[i], 10, 64)
			if err != nil {
				return err
			}
			sum.Keys[i] = time.UnixMilli(day * dayMillis).UTC().Format(time.DateOnly)
		}
		out = append(out, sum)
		return nil
	})
	return out, err
}
