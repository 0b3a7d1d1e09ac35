package usage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/parley-hub/parley/models"
)

// Table is a version of what tokens cost. It is immutable and safe for concurrent use.
type Table struct {
	currency, version string
	rates             map[string]rate
}

// rate is what a million tokens cost, in millionths of the currency.
type rate struct{ prompt, cached, completion uint64 }

// perTokens is how many tokens a price is for.
const perTokens = 1_000_000

// NewTable makes the table of a valid configuration.
func NewTable(p models.Prices) *Table {
	t := &Table{currency: p.Currency, rates: make(map[string]rate, len(p.Table))}
	lines := make([]string, 0, len(p.Table))
	for _, row := range p.Table {
		cached := row.Prompt
		if row.Cached != nil {
			cached = *row.Cached
		}
		t.rates[row.Model] = rate{uint64(max(row.Prompt, 0)), uint64(max(cached, 0)), uint64(max(row.Completion, 0))} //nolint:gosec // none is below 0
		lines = append(lines, fmt.Sprintf("%q %d %d %d\n", row.Model, row.Prompt, cached, row.Completion))
	}
	if len(lines) > 0 {
		slices.Sort(lines)
		sum := sha256.Sum256([]byte(p.Currency + "\n" + strings.Join(lines, "")))
		t.version = hex.EncodeToString(sum[:6])
	}
	return t
}

// Version is the same for tables that price everything the same, and differs otherwise;
// empty for a table of nothing.
func (t *Table) Version() string { return t.version }

// Cost is what tokens of a model are worth, in millionths of the currency. The three
// parts are added before anything is rounded, once, to the nearest millionth and halves
// up: an entry is off by half a millionth at most. ok is false for a model without a
// price. Counts below 0 are taken as 0, and more cached than prompt as all of it.
func (t *Table) Cost(model string, prompt, cached, completion int64) (micros int64, ok bool) {
	r, ok := t.rates[model]
	if !ok {
		return 0, false
	}
	prompt, completion = max(prompt, 0), max(completion, 0)
	cached = min(max(cached, 0), prompt)
	var high, low uint64
	for _, part := range [...]struct {
		tokens int64
		price  uint64
	}{{prompt - cached, r.prompt}, {cached, r.cached}, {completion, r.completion}} {
		h, l := bits.Mul64(uint64(part.tokens), part.price) //nolint:gosec // none is below 0
		var carry uint64
		low, carry = bits.Add64(low, l, 0)
		high, _ = bits.Add64(high, h, carry) // each h is below 2^62: three do not overflow
	}
	low, carry := bits.Add64(low, perTokens/2, 0)
	high += carry
	if high >= perTokens/2 { // beyond what an int64 holds
		return math.MaxInt64, true
	}
	quotient, _ := bits.Div64(high, low, perTokens)
	return int64(min(quotient, math.MaxInt64)), true //nolint:gosec // it is bounded
}

// Price gives the entry with what its tokens are worth, and charged to who bears it: what
// was of no use to anybody is of no person and no role.
func (t *Table) Price(e Entry) Entry {
	if micros, ok := t.Cost(e.Model, e.Prompt, e.Cached, e.Completion); ok {
		e.Micros, e.Price, e.Currency = micros, t.version, t.currency
	}
	if account, waste := wasteAccounts[e.Outcome]; waste {
		e.Account, e.Person, e.Role = account, "", ""
	}
	return e
}
