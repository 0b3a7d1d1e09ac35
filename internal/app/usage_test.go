package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/models/pool"
	"github.com/parley-hub/parley/models/usage"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/session"
)

// priced is a configuration in which a million tokens of "small" cost 2 euros.
func priced(budgets ...models.Budget) models.Config {
	return models.Config{
		Prices: models.Prices{Currency: "EUR", Table: []models.Price{
			{Model: "small", Prompt: 2_000_000, Completion: 2_000_000}, {Model: "big", Prompt: 20_000_000, Completion: 20_000_000},
		}},
		Budgets: budgets,
	}
}

func openRecords(t *testing.T, dir string) *records.SQL {
	t.Helper()
	r, err := records.OpenSQLite(t.Context(), filepath.Join(dir, recordsFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// spend runs what spends, and lets all of it be written.
func spend(t *testing.T, u *usages, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.run(ctx) }()
	do()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func answered(person string, tokens int) pool.Attempt {
	return pool.Attempt{
		Trace: "t", For: models.Payer{Account: "bot", Person: person, Role: "user", Skill: "chat"}, Pool: "main", Version: "blue",
		Model: "small", Worker: "gpu", Number: 1, Outcome: pool.Served, Usage: models.Usage{Prompt: tokens, Cached: tokens / 2, Completion: tokens},
	}
}

// What pools tell is in the records, priced, and charged to who asked or to nobody.
func TestUsageIsWritten(t *testing.T) {
	r := openRecords(t, t.TempDir())
	u := newUsages(priced(), r, time.Second, zerolog.Nop())
	spend(t, u, func() {
		wasted, unpriced := answered("p", 1000), answered("p", 10)
		wasted.Outcome, unpriced.Model, unpriced.Estimated = pool.HedgeWaste, "other", true
		for _, a := range []pool.Attempt{answered("p", 1000), wasted, answered("p", 1000), unpriced} { // one trace asks several times
			u.account(a)
		}
	})
	if diff := cmp.Diff(telemetry.UsageState{Written: 4}, u.state()); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	got, err := r.Usage(t.Context(), records.UsageFilter{By: []records.UsageKey{records.ByAccount, records.ByPerson}})
	want := []records.UsageSum{
		{Keys: []string{"bot", "p"}, Served: records.Amounts{Lines: 1, Prompt: 10, CachedPrompt: 5, Completion: 10}, Estimated: 1, Unpriced: 1},
		{Keys: []string{"bot", "p"}, Currency: "EUR", Served: records.Amounts{Lines: 2, Prompt: 2000, CachedPrompt: 1000, Completion: 2000, Micros: 8000}},
		{Keys: []string{usage.HedgeAccount, ""}, Currency: "EUR", Wasted: records.Amounts{Lines: 1, Prompt: 1000, CachedPrompt: 500, Completion: 1000, Micros: 4000}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	err = r.UsageOf(t.Context(), "p", func(l records.Used) error {
		if l.Trace != "t" || l.Pool != "main" || l.Version != "blue" || l.Worker != "gpu" || l.Skill != "chat" || l.Attempt != 1 || time.Since(l.At) > time.Minute {
			t.Errorf("%+v", l)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Two nodes with the same records have one budget, by tokens and by cost, for each person.
func TestBudgetsAreShared(t *testing.T) {
	for name, limit := range map[string]models.Limit{"tokens": {Tokens: 3000}, "cost": {Cost: 6000}} {
		r := openRecords(t, t.TempDir())
		cfg := priced(models.Budget{Scope: models.ScopePerson, Day: limit})
		ask := models.Request{For: models.Payer{Person: "p"}, MaxTokens: 1000, Messages: []models.Message{{Role: models.User, Text: "hello"}}}
		for node := range 2 {
			u := newUsages(cfg, r, time.Second, zerolog.Nop())
			spend(t, u, func() {
				settle, err := u.admit([]string{"small"})(ask)
				if err != nil {
					t.Errorf("%s: node %d: %v", name, node, err)
					return
				}
				settle(models.Usage{Prompt: 500, Completion: 900})
			})
		}
		u := newUsages(cfg, r, time.Second, zerolog.Nop())
		_, err := u.admit([]string{"small"})(ask)
		var over *admission.Exceeded
		if fault.ClassOf(err) != fault.RateLimited || !errors.As(err, &over) || over.Left != (admission.Sum{
			Tokens: max(limit.Tokens-2800, 0), Cost: max(limit.Cost-5600, 0),
		}) {
			t.Errorf("%s: %v, %+v", name, err, over)
		}
		ask.For.Person = "q"
		if _, err := u.admit([]string{"small"})(ask); err != nil {
			t.Errorf("%s: somebody else: %v", name, err)
		}
	}
}

// The two rooms speak of the same outcomes.
func TestOutcomesAreKnown(t *testing.T) {
	for from, to := range map[pool.Outcome]usage.Outcome{
		pool.Served: usage.Served, pool.RetryWaste: usage.RetryWaste, pool.HedgeWaste: usage.HedgeWaste, pool.Cancelled: usage.Cancelled,
	} {
		if string(from) != string(to) {
			t.Errorf("%s is %s", from, to)
		}
	}
	if records.UsageServed != string(usage.Served) || records.UsageCache != string(usage.Cache) {
		t.Error("the records call outcomes otherwise")
	}
}

// Before it is known who answers, the dearest model's prices hold; pictures count too.
func TestAdmitTakesTheDearest(t *testing.T) {
	u := newUsages(priced(), nil, time.Second, zerolog.Nop())
	if got := u.worth([]string{"small", "other", "big"}, models.Usage{Prompt: 100, Completion: 50}); got != (admission.Sum{Tokens: 150, Cost: 3000}) {
		t.Errorf("%+v", got)
	}
	n := promptTokens([]models.Message{{Text: "12345678", Images: make([]models.Image, 2)}, {Calls: []models.ToolCall{{Arguments: []byte(`{"a":1}`)}}}})
	if n != 2+2*expectedImage+2 {
		t.Errorf("%d tokens", n)
	}
}

// Records that are away keep nothing from being answered, and the ledger catches up.
func TestUsageWaitsForRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &awayRecords{}
		u := newUsages(priced(), away, time.Second, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- u.run(ctx) }()
		u.account(answered("p", 1))
		time.Sleep(time.Minute)
		if s := u.state(); s.Waiting != 1 || s.Written != 0 {
			t.Errorf("%+v", s)
		}
		away.back.Store(true)
		time.Sleep(time.Minute)
		if s := u.state(); s.Waiting != 0 || s.Written != 1 {
			t.Errorf("%+v", s)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Who asks what is kept about them gets their usage too.
func TestExportHasUsage(t *testing.T) {
	b := newBench(t, session.Policy{})
	person := core.PersonOf("r", "1")
	line := records.Used{Request: "x", Outcome: records.UsageServed, At: time.Now(), Person: person, Prompt: 77}
	if err := b.persons.records.WriteUsage(t.Context(), []records.Used{line}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[core.PersonID]bool{person: true, core.PersonOf("r", "2"): false} {
		var out bytes.Buffer
		if err := b.persons.export(t.Context(), who, json.NewEncoder(&out)); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), `{"usage":{`) != want || strings.Contains(out.String(), `"Prompt":77`) != want {
			t.Errorf("%s: %s", who, &out)
		}
	}
}

type usageRecords = records.Usage

// awayRecords are away until they are back.
type awayRecords struct {
	usageRecords
	back atomic.Bool
}

func (r *awayRecords) WriteUsage(context.Context, []records.Used) error {
	if r.back.Load() {
		return nil
	}
	return fault.New(fault.Retryable, "write usage", errors.New("away"))
}

func TestUsageReport(t *testing.T) {
	dir := t.TempDir()
	cfg := configs.Default()
	cfg.DataDir = dir
	show := func(q UsageQuestion) string {
		t.Helper()
		var out bytes.Buffer
		if err := Usage(t.Context(), &out, cfg, q); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if err := Usage(t.Context(), &bytes.Buffer{}, cfg, UsageQuestion{}); !errors.Is(err, ErrNoUsage) || !strings.Contains(err.Error(), dir) {
		t.Errorf("without records: %v", err)
	}
	r := openRecords(t, dir)
	if got := show(UsageQuestion{}); got != "nothing was used in this time\n" {
		t.Errorf("%q", got)
	}
	day := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	line := func(id string, days int, change func(*records.Used)) records.Used {
		u := records.Used{
			Request: id, Attempt: 1, Outcome: records.UsageServed, At: day.AddDate(0, 0, days), Account: "bot", Person: "p", Role: "user", Skill: "chat",
			Model: "small", Prompt: 1200, Cached: 400, Completion: 300, Micros: 123_450, Price: "v", Currency: "EUR",
		}
		change(&u)
		return u
	}
	err := r.WriteUsage(t.Context(), []records.Used{
		line("1", 0, func(*records.Used) {}),
		line("2", 0, func(u *records.Used) { u.Outcome = records.UsageCache }),
		line("3", 1, func(u *records.Used) { u.Estimated = true }),
		line("4", 1, func(u *records.Used) { u.Outcome, u.Account, u.Person, u.Role = "retry-waste", "waste/retry", "", "" }),
		line("5", 2, func(u *records.Used) { u.Price, u.Currency, u.Micros, u.Person = "", "", 0, core.PersonID("q") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		q    UsageQuestion
		want string
	}{
		"total": {UsageQuestion{Until: day.AddDate(0, 0, 1)}, `
ANSWERS  PROMPT  CACHED  COMPLETION  COST         FROM CACHE  SAVED        WASTED  WASTE COST
1        1200    400     300         0.12345 EUR  1           0.12345 EUR  0       0 EUR
`},
		"by person": {UsageQuestion{By: []string{"person"}}, `
PERSON  ANSWERS  PROMPT  CACHED  COMPLETION  COST        FROM CACHE  SAVED        WASTED  WASTE COST
-       0        0       0       0           0 EUR       0           0 EUR        1500    0.12345 EUR
p       2        2400    800     600         0.2469 EUR  1           0.12345 EUR  0       0 EUR
q       1        1200    400     300         -           0           -            0       -
total   1        1200    400     300         -           0           -            0       -
total   2        2400    800     600         0.2469 EUR  1           0.12345 EUR  1500    0.12345 EUR
answers whose tokens no worker counted, so that they are estimated: 1
answers of models without a price (models.prices): 1
`},
		"by day and model": {UsageQuestion{Since: day.AddDate(0, 0, 1), By: []string{"day", "model"}}, `
DAY         MODEL  ANSWERS  PROMPT  CACHED  COMPLETION  COST         FROM CACHE  SAVED  WASTED  WASTE COST
2026-11-02  small  1        1200    400     300         0.12345 EUR  0           0 EUR  1500    0.12345 EUR
2026-11-03  small  1        1200    400     300         -            0           -      0       -
answers whose tokens no worker counted, so that they are estimated: 1
answers of models without a price (models.prices): 1
`},
		"json": {UsageQuestion{Until: day.AddDate(0, 0, 1), By: []string{"skill"}, JSON: true}, `
{"by":{"skill":"chat"},"currency":"EUR",` +
			`"served":{"requests":1,"prompt_tokens":1200,"cached_prompt_tokens":400,"completion_tokens":300,"micros":123450},` +
			`"from_cache":{"requests":1,"prompt_tokens":1200,"cached_prompt_tokens":400,"completion_tokens":300,"micros":123450},` +
			`"wasted":{"requests":0,"prompt_tokens":0,"cached_prompt_tokens":0,"completion_tokens":0,"micros":0},"estimated":0,"unpriced":0}
`},
	} {
		if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), show(test.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
