package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/records"
)

// ErrNoUsage is why there is nothing to sum up.
var ErrNoUsage = errors.New("there is no ledger of usage")

// UsageQuestion is what Usage answers.
type UsageQuestion struct {
	// Since and Until bound the time, Until not included; zero for no bound.
	Since, Until time.Time
	// By are UsageKeys; none for the total alone.
	By []string
	// JSON gives one object a line instead of a table.
	JSON bool
}

// UsageKeys are the words for what usage is summed up by.
func UsageKeys() []string {
	var out []string
	for _, key := range records.UsageKeys() {
		out = append(out, string(key))
	}
	return out
}

// Usage shows what model workers did, for whom, and what it came to. It changes nothing and
// works beside a running hub.
func Usage(ctx context.Context, out io.Writer, cfg *configs.Config, q UsageQuestion) error {
	f := records.UsageFilter{Since: q.Since, Until: q.Until}
	for _, key := range q.By {
		f.By = append(f.By, records.UsageKey(key))
	}
	sums, err := readUsage(ctx, cfg, f)
	if err != nil {
		return err
	}
	var b strings.Builder
	if q.JSON {
		err = writeUsageLines(&b, q.By, sums)
	} else {
		writeUsageTable(&b, q.By, sums)
	}
	if err == nil {
		_, err = io.WriteString(out, b.String())
	}
	return err
}

func readUsage(ctx context.Context, cfg *configs.Config, f records.UsageFilter) ([]records.UsageSum, error) {
	if !cfg.Postgres.URL.IsZero() {
		sums, there, err := records.ReadPostgresUsage(ctx, records.PostgresOptions{URL: cfg.Postgres.URL}, f)
		if err == nil && !there {
			err = fmt.Errorf("%w in this database: no hub has used it yet, or only one of an older version", ErrNoUsage)
		}
		return sums, err
	}
	path := filepath.Join(cfg.DataDir, recordsFile)
	sums, there, err := records.ReadUsage(ctx, path, f)
	if err == nil && !there {
		err = fmt.Errorf("%w in %s: no hub has run there yet, or only one of an older version", ErrNoUsage, path)
	}
	return sums, err
}

// usageLine is one line of the answer as JSON. Money is in millionths of the currency.
type usageLine struct {
	By        map[string]string `json:"by,omitempty"`
	Currency  string            `json:"currency,omitempty"`
	Served    usageAmounts      `json:"served"`
	Cached    usageAmounts      `json:"from_cache"`
	Wasted    usageAmounts      `json:"wasted"`
	Estimated int64             `json:"estimated"`
	Unpriced  int64             `json:"unpriced"`
}

// usageAmounts are records.Amounts.
type usageAmounts struct {
	Lines        int64 `json:"requests"`
	Prompt       int64 `json:"prompt_tokens"`
	CachedPrompt int64 `json:"cached_prompt_tokens"`
	Completion   int64 `json:"completion_tokens"`
	Micros       int64 `json:"micros"`
}

func writeUsageLines(b *strings.Builder, by []string, sums []records.UsageSum) error {
	enc := json.NewEncoder(b)
	for _, s := range sums {
		line := usageLine{
			Currency: s.Currency, Served: usageAmounts(s.Served), Cached: usageAmounts(s.Cached), Wasted: usageAmounts(s.Wasted),
			Estimated: s.Estimated, Unpriced: s.Unpriced,
		}
		for i, key := range by {
			if line.By == nil {
				line.By = map[string]string{}
			}
			line.By[key] = s.Keys[i]
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// nobody stands where usage is of nobody, as waste is of no person.
const nobody = "-"

func writeUsageTable(b *strings.Builder, by []string, sums []records.UsageSum) {
	if len(sums) == 0 {
		b.WriteString("nothing was used in this time\n")
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, key := range by {
		_, _ = fmt.Fprintf(t, "%s\t", strings.ToUpper(key))
	}
	_, _ = fmt.Fprintln(t, "ANSWERS\tPROMPT\tCACHED\tCOMPLETION\tCOST\tFROM CACHE\tSAVED\tWASTED\tWASTE COST")
	for _, s := range sums {
		writeUsageRow(t, s.Keys, s)
	}
	totals := totalUsage(sums)
	if len(by) > 0 && len(sums) > len(totals) {
		for _, s := range totals {
			keys := make([]string, len(by))
			keys[0] = "total"
			writeUsageRow(t, keys, s)
		}
	}
	_ = t.Flush() // a strings.Builder takes everything
	var estimated, unpriced int64
	for _, s := range sums {
		estimated, unpriced = estimated+s.Estimated, unpriced+s.Unpriced
	}
	if estimated > 0 {
		fmt.Fprintf(b, "answers whose tokens no worker counted, so that they are estimated: %d\n", estimated)
	}
	if unpriced > 0 {
		fmt.Fprintf(b, "answers of models without a price (models.prices): %d\n", unpriced)
	}
}

func writeUsageRow(t io.Writer, keys []string, s records.UsageSum) {
	for _, key := range keys {
		if key == "" {
			key = nobody
		}
		_, _ = fmt.Fprintf(t, "%s\t", key)
	}
	_, _ = fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%s\t%d\t%s\t%d\t%s\n", s.Served.Lines, s.Served.Prompt, s.Served.CachedPrompt, s.Served.Completion,
		money(s.Served.Micros, s.Currency), s.Cached.Lines, money(s.Cached.Micros, s.Currency),
		s.Wasted.Prompt+s.Wasted.Completion, money(s.Wasted.Micros, s.Currency))
}

// money spells an amount, or that it is not known.
func money(micros int64, currency string) string {
	if currency == "" {
		return nobody
	}
	return models.Amount(micros).String() + " " + currency
}

// totalUsage adds up sums, those of each currency for themselves, in the order of their
// currencies.
func totalUsage(sums []records.UsageSum) []records.UsageSum {
	var out []records.UsageSum
	for _, s := range sums {
		i, known := slices.BinarySearchFunc(out, s.Currency, func(o records.UsageSum, c string) int { return strings.Compare(o.Currency, c) })
		if !known {
			out = slices.Insert(out, i, records.UsageSum{Currency: s.Currency})
		}
		o := &out[i]
		for _, add := range []struct {
			to   *records.Amounts
			what records.Amounts
		}{{&o.Served, s.Served}, {&o.Cached, s.Cached}, {&o.Wasted, s.Wasted}} {
			add.to.Lines += add.what.Lines
			add.to.Prompt += add.what.Prompt
			add.to.CachedPrompt += add.what.CachedPrompt
			add.to.Completion += add.what.Completion
			add.to.Micros += add.what.Micros
		}
	}
	return out
}
